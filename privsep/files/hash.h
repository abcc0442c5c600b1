/* SPDX-License-Identifier: ISC */
/* HASH and its elder kin: the digest of a part of a file. */
#ifndef PRIVSEP_FILES_HASH_H
#define PRIVSEP_FILES_HASH_H

#include "privsep/files/beside.h"
#include "privsep/files/digest.h"
#include "privsep/files/home.h"
#include "privsep/files/stop.h"

/*
 * Where there is only a partial file and uploads are atomic, hash that, as SIZE reports its size. So a client knows
 * whether it may resume. The digest of the bytes from *from up to, without, *to; UINT64_MAX is the end, and becomes
 * it.
 *
 * Returns 0; -ERANGE where the bytes are not all there; -EISDIR, -ENOTSUP for what is no plain
 * file; -EBUSY when the file was cut meanwhile; -ECANCELED; or another -errno.
 */
int hash_file(const struct home *home, const struct home_path *path, enum ipc_hash algorithm, uint64_t from,
    uint64_t *to, struct stop *stop, struct beside *beside, char text[DIGEST_TEXT_SIZE]);

#endif
