#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyport through SOCKS5 and HTTP proxies, good ones and bad ones; and from a chosen address.

load lib
load tls-lib
load client-lib

setup_file()
{
	make_authority
}

setup()
{
	new_client_place
	unset ftp_proxy FTP_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY SALLYPORT_PROXY_PASSWORD
	PROXY_LOG=$DIR/proxy.log
	PROXY_PID=
	: >"$PROXY_LOG"
	in_home file 'through the wall'
}

teardown()
{
	if [ -n "$PROXY_PID" ]; then
		kill "$PROXY_PID"
		wait "$PROXY_PID" || :
	fi
	cd /
	end_place
}

# proxy OPTION... KIND: start one; PROXY is its host and port.
proxy()
{
	"$BATS_TEST_DIRNAME/proxy-server" "$@" "$DIR/proxy.port" "$PROXY_LOG" 2>"$DIR/proxy.err" 3>&- &
	PROXY_PID=$!
	wait_until [ -s "$DIR/proxy.port" ]
	PROXY=127.0.0.1:$(cat "$DIR/proxy.port")
}

# The number of connections that the proxy was asked for.
asked()
{
	wc -l <"$PROXY_LOG"
}

@test "SOCKS5: control and data connections go through the proxy, with TLS" {
	proxy socks5
	client --proxy "socks5://$PROXY" get "$(at file)" here
	assert_equal "$(cat here)" 'through the wall'
	printf 'and back\n' >up
	client --proxy "socks5://$PROXY" put up "$(at up)"
	cmp up "$H/up"
	assert_equal "$(sort -u "$PROXY_LOG" | grep -c '^connect 127.0.0.1 ')" "$(sort -u "$PROXY_LOG" | wc -l)"
	[ "$(asked)" -ge 4 ]
	grep -q "^connect 127.0.0.1 $PORT$" "$PROXY_LOG"
}

@test "socks5h: the proxy looks the name up, for data connections, too" {
	proxy --name localhost=127.0.0.1 --name only.there.example=127.0.0.1 socks5
	run -0 client --proxy "socks5h://$PROXY" cat "ftp://alice@localhost:$PORT/file"
	assert_output 'through the wall'
	assert_equal "$(grep -c '^connect localhost ' "$PROXY_LOG")" 2
	# PASV needs no address of the server's, either
	run -0 client --pasv --proxy "socks5h://$PROXY" cat "ftp://alice@localhost:$PORT/file"
	assert_output 'through the wall'
	assert_equal "$(grep -c '^connect localhost ' "$PROXY_LOG")" 4
	# a name that nobody knows here; the server's certificate is not for it, so it was reached
	run ! client --proxy "socks5h://$PROXY" ls "ftp://alice@only.there.example:$PORT/"
	assert_output --partial 'its certificate is not trusted: hostname mismatch'
	run ! client --proxy "socks5://$PROXY" ls "ftp://alice@only.there.invalid:$PORT/"
	refute_output --partial certificate
}

@test "HTTP CONNECT, with a user and the password of the environment, of ~/.netrc, of the variable's URL" {
	proxy --user bob:hush:hush http
	SALLYPORT_PROXY_PASSWORD=hush:hush run -0 client --proxy "http://bob@$PROXY" cat "$(at file)"
	assert_output 'through the wall'
	printf 'machine 127.0.0.1 login bob password hush:hush\n' >"$HOME/.netrc"
	chmod 600 "$HOME/.netrc"
	run -0 client --proxy "http://bob@$PROXY" cat "$(at file)"
	assert_output 'through the wall'
	rm "$HOME/.netrc"
	all_proxy=http://bob:hush%3Ahush@$PROXY run -0 client cat "$(at file)"
	assert_output 'through the wall'
	run ! client --proxy "http://bob:hush@$PROXY" ls "$(at)"
	assert_output --partial 'a password in --proxy is seen by everybody'
	refute_output --partial hush@
	SALLYPORT_PROXY_PASSWORD=wrong run ! client --retry 0 --proxy "http://bob@$PROXY" ls "$(at)"
	assert_output --partial 'it refuses this user and password'
	run ! client --proxy "http://$PROXY" ls "$(at)"
	assert_output --partial 'it wants a user and a password'
}

@test "SOCKS5 with a user and a password" {
	proxy --user bob:hush socks5
	SALLYPORT_PROXY_PASSWORD=hush run -0 client --proxy "socks5://bob@$PROXY" cat "$(at file)"
	assert_output 'through the wall'
	SALLYPORT_PROXY_PASSWORD=wrong run ! client --proxy "socks5://bob@$PROXY" ls "$(at)"
	assert_output --partial "the proxy socks5://$PROXY, asked for 127.0.0.1 port $PORT: it refuses this user and password"
	run ! client --proxy "socks5://$PROXY" ls "$(at)"
	assert_output --partial 'it wants a user and a password'
	# nobody types it, and there is no terminal
	run ! setsid -w "$BUILD/sallyport" --proxy "socks5://bob@$PROXY" ls "$(at)" </dev/null
	assert_output --partial SALLYPORT_PROXY_PASSWORD
}

@test "the environment names the proxy, and the servers that need none" {
	proxy socks5
	ftp_proxy=socks5://$PROXY all_proxy=socks5://127.0.0.1:1 client get "$(at file)" a
	[ "$(asked)" -ge 2 ]
	: >"$PROXY_LOG"
	ALL_PROXY=socks5://$PROXY client get "$(at file)" b
	[ "$(asked)" -ge 2 ]
	: >"$PROXY_LOG"
	ALL_PROXY=socks5://$PROXY no_proxy=example.org,127.0.0.0/8 client get "$(at file)" c
	ALL_PROXY=socks5://$PROXY client --proxy none get "$(at file)" d
	assert_equal "$(asked)" 0
	cmp a b && cmp b c && cmp c d
	all_proxy=https://$PROXY run ! client ls "$(at)"
	assert_output --partial "\$all_proxy is 'https://$PROXY', which names no proxy: the scheme of a proxy is socks5://, socks5h:// or http://"
}

@test "parallel and segmented transfers go through the proxy" {
	proxy http
	mkdir many
	for i in 1 2 3 4 5 6; do head -c 20000 /dev/urandom >many/$i; done
	client -q --proxy "http://$PROXY" mirror -P 3 many "$(at many)"
	diff -r many "$H/many"
	head -c 3000000 /dev/urandom >"$H/large"
	chown --reference="$H" "$H/large"
	client -q --proxy "http://$PROXY" get -s 3 "$(at large)" large
	cmp large "$H/large"
}

@test "active mode is refused with a proxy" {
	proxy socks5
	run ! client --active --proxy "socks5://$PROXY" ls "$(at)"
	assert_output --partial '--active cannot be used with the proxy of --proxy'
	run ! client --proxy "socks5://$PROXY" "$(at)" <<<$'set active on\nls'
	assert_output --partial 'in active mode the server connects to this machine'
	all_proxy=socks5://$PROXY run ! client --active ls "$(at)"
	assert_output --partial 'the proxy of $all_proxy'
	assert_equal "$(grep -vc "^connect 127.0.0.1 $PORT$" "$PROXY_LOG")" 0
}

@test "the proxy's refusals are told, escaped" {
	proxy --deny-data http
	run ! client --retry 0 --proxy "http://$PROXY" get "$(at file)" here
	assert_output --regexp "the proxy http://$PROXY, asked for 127.0.0.1 port [0-9]+: it answers 'HTTP/1.1 403 Forbidden \?\[2J'"
	[ ! -e here ]
	run ! client --retry 0 --proxy "http://$PROXY" get "ftp://alice@127.0.0.1:1/file" here
	assert_output --partial 'port 1: it answers'
	run ! client --retry 0 --proxy socks5://127.0.0.1:1 ls "$(at)"
	assert_output --partial 'the proxy socks5://127.0.0.1:1 cannot be reached'
}

@test "a proxy that is silent, endless, slow, something else, or lies about logins" {
	local how kind
	for how in silent endless slow garbage closed login-lies; do
		for kind in socks5 http; do
			rm -f "$DIR/proxy.port"
			proxy --misbehave "$how" "$kind"
			SECONDS=0
			run ! timeout 15 "$BUILD/sallyport" --timeout 2 --retry 0 --proxy "$kind://$PROXY" ls "$(at)"
			[ "$status" -ne 124 ]
			[ "$SECONDS" -lt 12 ]
			assert_output --partial "the proxy $kind://$PROXY, asked for 127.0.0.1 port $PORT: it"
			kill "$PROXY_PID"
			wait "$PROXY_PID" || :
			PROXY_PID=
		done
	done
}

@test "connections come from the address or interface that --source names" {
	client --source 127.0.0.1 get "$(at file)" a
	client --source lo get "$(at file)" b
	cmp a b
	run ! client --source 127.0.0.300 ls "$(at)"
	assert_output --partial "--source is '127.0.0.300'; it must be an address of this machine, or the name of an interface"
	run ! client --source 192.0.2.1 --retry 0 ls "$(at)"
	assert_output --partial '--source must be an address of this machine'
	run ! client --source ::1 -4 ls "$(at)"
	assert_output --partial 'no address of the family of --ipv4'
	client --source 127.0.0.7 ls "$(at)"
	wait_until grep -q ' address=127\.0\.0\.7 ' "$LOG"
}
