# SPDX-License-Identifier: ISC
# Helpers of the client's tests, besides lib.bash and tls-lib.bash.
#
#   setup_file() { make_authority; }
#   setup()      { new_client_place; }
#   teardown()   { end_place; }

# A server with TLS and an account alice; her password is in the environment. HOME and the working directory are the test's own.
new_client_place()
{
	new_place
	start_tls_server "$@"
	HOME=$DIR/user
	WORK=$DIR/work
	mkdir "$HOME" "$WORK"
	unset XDG_CONFIG_HOME XDG_STATE_HOME NETRC
	SALLYPORT_PASSWORD=secret
	LC_ALL=C.UTF-8
	export HOME SALLYPORT_PASSWORD LC_ALL
	H=$DIR/home/alice
	cd "$WORK" || return 1
}

# client COMMAND...: it trusts the test's authority.
client()
{
	timeout 60 "$BUILD/sallyport" --ca "$CA" "$@"
}

# at [PATH]: the URL of a path in alice's home.
at()
{
	echo "ftp://alice@127.0.0.1:$PORT/${1-}"
}

# in_home NAME [TEXT]: make a file of alice's on the server.
in_home()
{
	mkdir -p "$H/$(dirname "$1")"
	printf '%s\n' "${2-content of $1}" >"$H/$1"
	chown -R --reference="$H" "$H"
}

# big_in_home NAME SIZE: make a sparse file of zeros.
big_in_home()
{
	truncate -s "$2" "$H/$1"
	chown --reference="$H" "$H/$1"
}
