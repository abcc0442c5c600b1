#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The rights of an account: --read-only, --allow and --deny.

# shellcheck disable=SC2153 # PORT is set by lib.bash

load lib

setup()
{
	new_place
	write_config
}

teardown()
{
	[ -z "${MEMORY-}" ] || rm -rf "$MEMORY"
	end_place
}

# serve [OPTION...]: an account with these rights. Its home has one file, and one directory with a file.
serve()
{
	add_user alice secret "$@"
	start_server
	HOME_DIR=$DIR/home/alice
	setpriv --reuid 200000 --regid 200000 --clear-groups sh -c "
		cd $HOME_DIR && echo content >f && mkdir d && echo inner >d/g && mkdir empty"
}

# Print the verdict on each action, one a line: NAME yes, or NAME CODE.
verdicts()
{
	python3 - "$PORT" <<-'END'
		import ftplib, io, sys

		def session():
		    ftp = ftplib.FTP()
		    ftp.connect("127.0.0.1", int(sys.argv[1]), timeout=20)
		    ftp.login("alice", "secret")
		    ftp.voidcmd("TYPE I")
		    return ftp

		def tell(name, action):
		    ftp = session()
		    try:
		        action(ftp)
		        print(name, "yes")
		    except ftplib.Error as error:
		        print(name, str(error)[:3])
		        if str(error)[:3] == "550":
		            assert "may not" in str(error) or "read-only" in str(error), error
		    ftp.close()

		store = lambda name: lambda ftp: ftp.storbinary("STOR " + name, io.BytesIO(b"new"))
		tell("cwd", lambda ftp: ftp.cwd("d"))
		tell("list", lambda ftp: ftp.retrlines("LIST", lambda line: None))
		tell("mlsd", lambda ftp: list(ftp.mlsd()))
		tell("read", lambda ftp: ftp.retrbinary("RETR f", lambda data: None))
		tell("hash", lambda ftp: ftp.sendcmd("HASH f"))
		tell("chmod", lambda ftp: ftp.sendcmd("SITE CHMOD 600 f"))
		tell("mfmt", lambda ftp: ftp.sendcmd("MFMT 20240101000000 f"))
		tell("create", store("new"))
		tell("overwrite", store("f"))
		tell("append", lambda ftp: ftp.storbinary("APPE f", io.BytesIO(b"more")))
		tell("mkdir", lambda ftp: ftp.mkd("made"))
		tell("rename", lambda ftp: ftp.rename("d/g", "d/h"))
		tell("rmdir", lambda ftp: ftp.rmd("empty"))
		tell("delete", lambda ftp: ftp.delete("f"))
	END
}

@test "without a word of rights an account may do everything in its home" {
	serve
	run verdicts
	assert_success
	refute_output --regexp '[0-9]{3}$'
	assert_line "delete yes"
}

@test "--read-only: looking and fetching, and nothing else" {
	serve --read-only
	run verdicts
	assert_success
	for may in cwd list mlsd read hash; do
		assert_line "$may yes"
	done
	for not in chmod mfmt mkdir rmdir delete; do
		assert_line "$not 550"
	done
	for not in create overwrite append rename; do
		assert_line --regexp "^$not 55[03]$"
	done
	run cat "$HOME_DIR/f"
	assert_output content
}

@test "--allow create: a drop box, into which one can put and see nothing" {
	serve --allow create
	run verdicts
	assert_success
	assert_line "create yes"
	for not in list mlsd read hash chmod mfmt overwrite append mkdir rename rmdir delete; do
		assert_line "$not 550"
	done
	run cat "$HOME_DIR/f" "$HOME_DIR/new"
	assert_output "$(printf 'content\nnew')"
}

@test "--deny delete,overwrite,rename: what is there stays as it is" {
	serve --deny delete,overwrite,rename
	run verdicts
	assert_success
	for may in list read create mkdir rmdir chmod; do
		assert_line "$may yes"
	done
	for not in overwrite append rename delete; do
		assert_line "$not 550"
	done
	run cat "$HOME_DIR/f"
	assert_output content
}

@test "rights change with the next login, and are shown" {
	serve --deny read
	run ctl user show alice
	assert_output --partial rights
	run curl -sS --max-time 20 "$(url alice:secret f)"
	assert_failure
	ctl user set alice --allow all
	run curl -sS --max-time 20 "$(url alice:secret f)"
	assert_output content
}

@test "an unknown right is refused with the known ones" {
	run ctl user add bob --home "$DIR/home/bob" --password-stdin --allow read,fly <<<secret
	assert_failure
	assert_output --partial fly
	assert_output --partial overwrite
}

# A rename that must not replace, where the kernel has no flag for it, as on NFS. RNTO and STOU have to do without.
@test "a file system without RENAME_NOREPLACE: accounts without overwrite rename to free names, and replace nothing" {
	add_user alice secret --deny overwrite
	start_server_with "$BUILD/tests/helpers/without_noreplace"
	rename_to_free_names_alone "$DIR/home/alice"
}

# A ceph-fuse that takes no notice of the flag: what is asked for must come true all the same.
@test "a FUSE file system that ignores RENAME_NOREPLACE: the same" {
	[ "$(stat -c %Hd /dev/shm)" -eq 0 ] || skip "/dev/shm is on a block device"
	MEMORY=$(mktemp -d /dev/shm/sallyport-rights.XXXXXX)
	chmod 755 "$MEMORY"
	add_user alice secret --deny overwrite --home "$MEMORY/alice"
	start_server_with env "$(preload ceph_fuse)"
	rename_to_free_names_alone "$MEMORY/alice"
}

rename_to_free_names_alone() # HOME
{
	python3 - "$PORT" <<-'END'
		import ftplib, io, sys

		ftp = ftplib.FTP()
		ftp.connect("127.0.0.1", int(sys.argv[1]), timeout=20)
		ftp.login("alice", "secret")
		for name in ("f", "g"):
		    ftp.storbinary("STOR " + name, io.BytesIO(name.encode()))
		for name in ("d", "e"):
		    ftp.mkd(name)
		    ftp.storbinary("STOR " + name + "/inside", io.BytesIO(name.encode()))
		for old, new in (("f", "g"), ("f", "d"), ("d", "e"), ("d", "g")):
		    try:
		        ftp.rename(old, new)
		        raise AssertionError(old + " has replaced " + new)
		    except ftplib.error_perm as reply:
		        assert "550" in str(reply) and "may not" in str(reply), reply
		ftp.rename("f", "e/f")
		ftp.rename("d", "e/d")
		for _ in range(2):
		    ftp.storbinary("STOU g", io.BytesIO(b"unique"))
		assert sorted(ftp.nlst()) == ["e", "g", "g.1", "g.2"], ftp.nlst()
		assert sorted(ftp.nlst("e")) == ["e/d", "e/f", "e/inside"], ftp.nlst("e")
		ftp.quit()
	END
	run cat "$1/g" "$1/e/f" "$1/e/d/inside" "$1/e/inside" "$1/g.2"
	assert_output gfdeunique
	[ "$(find "$1" -name '.*' | wc -l)" -eq 0 ]
}
