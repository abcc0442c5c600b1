# SPDX-License-Identifier: ISC
# Helpers of tests of one account, alice, whose options differ from test to test, besides lib.bash.
#
#   setup()    { new_home_place; }
#   teardown() { end_place; }

bats_require_minimum_version 1.5.0

# A place, and where alice's home and what is kept of it will be; no server yet.
new_home_place()
{
	new_place
	HOME_DIR=$DIR/home/alice
	# shellcheck disable=SC2034 # for the tests
	KEEP=$HOME_DIR/.sallyport-keep
}

# serve USER-OPTIONS [LINE...]: a server with alice, and these lines of configuration
serve()
{
	local options=$1
	shift
	write_config "$@"
	# shellcheck disable=SC2086 # several words
	add_user alice secret $options
	start_server
}
