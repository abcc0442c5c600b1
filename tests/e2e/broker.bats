#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The broker by itself: build/tests/helpers/broker_host plays the master and the monitors, and PostgreSQL is a real one.

load lib
load store

setup_file()
{
	store_need
	store_start --tls
	store_schema
}

teardown_file()
{
	store_end
}

setup()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root: the broker runs as another user"
	new_place
	BROKER_ID=$(id -u nobody)
	BROKER_GROUP=$(id -g nobody)
	SAID=$DIR/said
	HOST_PID=
	install -d -g "$BROKER_GROUP" -m 750 "$DIR/store"
	store_psql -qc 'DELETE FROM sallyport.account'
}

teardown()
{
	[ -z "$HOST_PID" ] || end_broker
	[ -z "${FAKE_PID-}" ] || kill "$FAKE_PID" 2>/dev/null || :
	rm -rf "$DIR"
}

# write_store_conf CONNECT [LINE...]
write_store_conf()
{
	local connect=$1
	shift
	printf '%s\n' "connect = \"$connect\"" "$@" >"$DIR/store/store.conf"
	chgrp "$BROKER_GROUP" "$DIR/store/store.conf"
	chmod 640 "$DIR/store/store.conf"
}

# start_broker [VERSION]
start_broker()
{
	local version=${1-}
	[ -n "$version" ] || version=$(cat "$BATS_TEST_DIRNAME/../../VERSION")
	mkfifo "$DIR/tell"
	"$BUILD/tests/helpers/broker_host" "$BUILD/sallyport-broker" "$BROKER_ID" "$BROKER_GROUP" "$version" \
		"$DIR/store/store.conf" <"$DIR/tell" >"$SAID" 2>&1 3>&- &
	HOST_PID=$!
	exec 7>"$DIR/tell"
	wait_until grep -q '^started' "$SAID"
	BROKER_PID=$(sed -n 's/^started //p' "$SAID")
}

end_broker()
{
	exec 7>&-
	wait_until -t 5 is_gone "$HOST_PID" || kill -9 "$HOST_PID"
	wait "$HOST_PID" 2>/dev/null || :
	HOST_PID=
}

tell()
{
	echo "$*" >&7
}

# said PATTERN: a line that began so has come
said()
{
	grep -q -- "^$1" "$SAID"
}

says()
{
	wait_until said "$1" || { cat "$SAID" >&2; return 1; }
}

count_said()
{
	grep -c -- "^$1" "$SAID" || :
}

# ask TAG NAME: ask for an account; its answer is in $ANSWER, and how long that took in $MS.
ask()
{
	tell "find $1 $2"
	says "$1 "
	ANSWER=$(sed -n "s/^$1 //p" "$SAID")
	MS=$(sed -n "s/^$1 .* *ms=\([0-9]*\).*/\1/p" "$SAID")
}

start_up()
{
	start_broker
	says 'state up'
}

@test "the broker finds an account, and knows that there is no other" {
	store_account alice secret /srv/sallyport/alice
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	says 'log store-up'
	ask a alice
	[[ $ANSWER =~ ^found=account\ kept=0\ id=[1-9][0-9]*\ ms=[0-9]+\ len=[0-9]+\ text=alice:\$6\$ ]]
	ask b bob
	[[ $ANSWER =~ ^found=nobody\ kept=0\ id=0\ .*text=\$6\$\.+\$\.+$ ]]
	ask c ''
	[[ $ANSWER =~ ^closed ]]
}

@test "names that SQL could take for something else are names" {
	local name i=0
	for name in "o'neil" 'semi;colon' 'back\slash' '$1' 'ünï-çødé' 'a"b' "$(printf '%064d' 7)"; do
		i=$((i + 1))
		store_account "$name" secret "/srv/sallyport/n$i"
	done
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	i=0
	for name in "o'neil" 'semi;colon' 'back\slash' '$1' 'ünï-çødé' 'a"b' "$(printf '%064d' 7)"; do
		i=$((i + 1))
		ask "n$i" "$name"
		[[ $ANSWER == *" text=$name:"* ]]
	done
	ask no "' OR '1'='1"
	[[ $ANSWER == found=nobody* ]]
}

@test "a channel that breaks the table is closed, and no other" {
	store_account alice secret /srv/sallyport/alice
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	tell "garbage g"
	says 'g closed'
	tell "twice t alice"
	says 't closed'
	ask a alice
	[[ $ANSWER == found=account* ]]
	said 'g closed'
}

@test "it ends when the master is gone" {
	write_store_conf "$(store_connect sallyport_node)"
	start_up
	tell hang-up
	says 'gone exit=0'
}
