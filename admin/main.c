/* SPDX-License-Identifier: ISC */
#include "admin/ctl.h"

#include "common/banned.h"

int
main(int argc, char **argv)
{
	return ctl_run(argc, argv);
}
