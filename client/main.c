/* SPDX-License-Identifier: ISC */
#include "client/ui/client.h"

#include "common/banned.h"

int
main(int argc, char **argv)
{
	return client_run(argc, argv);
}
