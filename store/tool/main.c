/* SPDX-License-Identifier: ISC */
/* sallyport-store: what sallyportctl(8) lets do the work in the database, so that libpq is in no program of the server. */
#include <stdio.h>
#include <string.h>

#include "store/tool/schema.h"

#include "common/banned.h"

int
main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], SALLYPORT_VERSION) != 0) {
		fprintf(stderr,
		    "sallyport-store %s is started by sallyportctl of the same version; see sallyportctl(8)\n",
		    SALLYPORT_VERSION);
		return 2;
	}
	printf("schema %d\n", SCHEMA_VERSION);
	return 0;
}
