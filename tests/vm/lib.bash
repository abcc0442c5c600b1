# SPDX-License-Identifier: ISC
# What scenarios use in the virtual machine: the installed server on port 21, as a package leaves it.
# Also everything of tests/e2e/lib.bash that needs no server of its own: ftp_open, ftp, wait_until, status_of, ...

BUILD=/usr/sbin
# shellcheck source=tests/e2e/lib.bash
source "$BATS_TEST_DIRNAME/../e2e/lib.bash"

CONF=/etc/sallyport/sallyport.conf
PORT=21
DIR=$BATS_FILE_TMPDIR
export BUILD CONF PORT DIR

# --- accounts and transfers ---

# new_account NAME [OPTION...]: password "secret", the home /srv/sallyport/NAME
new_account()
{
	printf 'secret\n' | sallyportctl user add "$1" --password-stdin "${@:2}" >/dev/null
}

# a file of random bytes that belongs to the account: home_file NAME FILE BYTES
home_file()
{
	head -c "$3" /dev/urandom >"/srv/sallyport/$1/$2"
	chown --reference="/srv/sallyport/$1" "/srv/sallyport/$1/$2"
}

# secure_curl ARGUMENT...: over TLS, with the certificate that the package made; URLs begin with $URL.
URL=ftp://$(hostname)
secure_curl()
{
	curl --silent --show-error --max-time 120 --resolve "$(hostname):21:127.0.0.1" --ssl-reqd \
		--cacert /etc/sallyport/cert.pem --user alice:secret "$@"
}

# A login of alice over TLS works, now.
is_served()
{
	secure_curl --list-only "$URL/" >/dev/null
}

# --- the service ---

master_pid()
{
	systemctl show --property=MainPID --value sallyportd
}

service_has() # PROPERTY VALUE
{
	[ "$(systemctl show --property="$1" --value sallyportd)" = "$2" ]
}

# install_packages DIRECTORY: of /vm/payload: debs, newer, newest
install_packages()
{
	DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i "/vm/payload/$1"/*.deb
}
