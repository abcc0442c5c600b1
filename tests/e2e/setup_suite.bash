# SPDX-License-Identifier: ISC
# Once for all end-to-end tests: check for root and the programs, and add the service user.

setup_suite()
{
	BUILD=${BUILD:-$BATS_TEST_DIRNAME/../../build}
	export BUILD
	if [ "$(id -u)" -ne 0 ]; then
		echo "end-to-end tests need root: the server changes to the user of each account" >&2
		return 1
	fi
	if [ ! -x "$BUILD/sallyportd" ] || [ ! -x "$BUILD/sallyportctl" ]; then
		echo "'$BUILD' has no programs; run make first" >&2
		return 1
	fi
	BUILD=$(cd "$BUILD" && pwd)
	# libraries allocate some memory once, which is no leak; unit tests look for leaks
	export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
	# a proxy of this machine would not lead to the tests' servers
	unset ftp_proxy FTP_PROXY all_proxy ALL_PROXY
	# the working directory has to let every user pass, so that what a test starts reaches its own home
	umask 022
	if ! getent passwd sallyport >/dev/null; then
		useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sallyport
		: >"$BATS_RUN_TMPDIR/made-user"
	fi
}

teardown_suite()
{
	[ ! -e "$BATS_RUN_TMPDIR/made-user" ] || userdel sallyport
}
