/* SPDX-License-Identifier: ISC */
#include "privsep/metrics/page_assets.h"

#include "common/banned.h"

#define INCLUDE(name, file) \
	__asm__(".pushsection .rodata\n" \
		".global " #name "\n" #name ":\n" \
		".incbin \"privsep/metrics/" file "\"\n" \
		".byte 0\n" \
		".popsection\n")

INCLUDE(page_style, "page.css");
INCLUDE(page_script, "page.js");
