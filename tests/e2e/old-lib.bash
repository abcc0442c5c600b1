# SPDX-License-Identifier: ISC
# Helpers of tests against tests/e2e/ftp-old, besides lib.bash (and tls-lib.bash).
#
#   setup()    { new_old_place; }
#   teardown() { end_old_place; }

bats_require_minimum_version 1.5.0

# A working directory and a home of the test's own; no server yet.
new_old_place()
{
	new_place
	HOME=$DIR/user
	mkdir "$HOME" "$DIR/work"
	unset XDG_CONFIG_HOME XDG_STATE_HOME NETRC SALLYPORT_KEY_PASSWORD SALLYPORT_ACCOUNT
	SALLYPORT_PASSWORD=secret
	export HOME SALLYPORT_PASSWORD
	OLD_PIDS=
	cd "$DIR/work" || return 1
}

end_old_place()
{
	end_old
	cd /
	end_place
}

end_old()
{
	local pid
	for pid in $OLD_PIDS; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" || :
	done
	OLD_PIDS=
}

# old NAME OPTION...: serve the directory $DIR/NAME; OLD_PORT is its port, $DIR/NAME.commands what it was asked.
old()
{
	local name=$1
	shift
	mkdir -p "$DIR/$name"
	rm -f "$DIR/$name.port"
	"$BATS_TEST_DIRNAME/ftp-old" "$@" "$DIR/$name" "$DIR/$name.port" "$DIR/$name.commands" 2>"$DIR/$name.err" 3>&- &
	OLD_PIDS="$OLD_PIDS $!"
	wait_until [ -s "$DIR/$name.port" ]
	OLD_PORT=$(cat "$DIR/$name.port")
}
