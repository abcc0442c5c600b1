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

# hold_download FILE: over TLS, in the background; it begins, and stands still until end_download.
# The file must be larger than what is under way in sockets and pipes (4 MB are). Sets HELD and DOWNLOAD.
hold_download()
{
	sysctl --quiet --write net.ipv4.tcp_rmem='4096 65536 131072' net.ipv4.tcp_wmem='4096 65536 131072'
	exec {HELD}< <(secure_curl --max-time 1500 "$URL/$1" 3>&-)
	DOWNLOAD=$!
	timeout 60 head -c 1000 <&"$HELD" >"$DIR/$1"
	[ "$(stat -c %s "$DIR/$1")" -eq 1000 ]
}

# end_download FILE: fetch the rest; fails when the client does
end_download()
{
	timeout 200 cat <&"$HELD" >>"$DIR/$1"
	exec {HELD}<&-
	wait "$DOWNLOAD"
}

# hold_upload FILE: over TLS, of what is written to descriptor $FEED; ends when that is closed. Sets FEED and UPLOAD.
hold_upload()
{
	exec {FEED}> >(secure_curl --max-time 1500 --upload-file - "$URL/$1" 3>&-)
	UPLOAD=$!
}

# --- configuration ---

# set_key KEY VALUE: in the configuration that the package made, where it stands once
set_key()
{
	[ "$(grep -cE "^[[:blank:]]*$1 = " "$CONF")" -eq 1 ]
	sed -Ei "s|^([[:blank:]]*$1 = ).*|\\1$2|" "$CONF"
}

# --- the service ---

master_pid()
{
	systemctl show --property=MainPID --value sallyportd
}

# service_has PROPERTY VALUE
service_has()
{
	[ "$(systemctl show --property="$1" --value sallyportd)" = "$2" ]
}

# install_packages DIRECTORY: of /vm/payload: debs, newer, newest
install_packages()
{
	DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i "/vm/payload/$1"/*.deb
}
