/* SPDX-License-Identifier: ISC */
#include "store/tool/schema.h"

#include "common/banned.h"

#define INCLUDE(name, file) \
	__asm__(".pushsection .rodata\n" \
		".global " #name "\n" #name ":\n" \
		".incbin \"store/" file "\"\n" \
		".byte 0\n" \
		".popsection\n")

INCLUDE(schema_roles, "roles.sql");
INCLUDE(schema_step_1, "schema_1.sql");

extern const char schema_step_1[];

const char *const schema_steps[SCHEMA_VERSION] = {schema_step_1};
