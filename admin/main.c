/* SPDX-License-Identifier: ISC */
#include "admin/ctl.h"
#include "common/libc.h"

#include "common/banned.h"

int
main(int argc, char **argv)
{
	libc_settle_names();
	return ctl_run(argc, argv);
}
