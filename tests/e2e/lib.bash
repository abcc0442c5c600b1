# SPDX-License-Identifier: ISC
# What every end-to-end test uses: a server of its own on free ports, accounts, raw FTP lines.
#
#   setup()    { new_place; write_config; start_server; add_user alice secret; }
#   teardown() { end_place; }
#
# Sets DIR (the private directory), CONF, LOG, PORT, PORT6 (where there is IPv6).
# A test that expects an alarm in the log sets ALARM_EXPECTED=1.

BATS_LIB_PATH=${BATS_LIB_PATH:-/usr/lib/bats}
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

BUILD=${BUILD:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build}
ALARM_EXPECTED=
SERVER_PID=

# Print a port that is free on every address. It is outside the range of the kernel's ephemeral ports, which any
# client may have used a minute ago.
free_port()
{
	python3 -c '
import random, socket
def free(family, any, port):
    try:
        with socket.socket(family) as s:
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind((any, port))
    except OSError as error:
        return error.errno == 97 or (family == socket.AF_INET6 and error.errno == 99)    # there is no IPv6
    return True
for port in random.sample(range(10000, 32000), 100):
    if free(socket.AF_INET, "0.0.0.0", port) and free(socket.AF_INET6, "::", port):
        print(port)
        break'
}

# --- waiting ---

# wait_until [-t SECONDS] COMMAND...: until it succeeds; fails after 10 seconds.
wait_until()
{
	local seconds=10 end
	if [ "$1" = -t ]; then
		seconds=$2
		shift 2
	fi
	end=$((SECONDS + seconds + 1))
	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "did not come true in $seconds seconds: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

is_gone()
{
	! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:blank:]]*Z' "/proc/$1/status" 2>/dev/null
}

# --- place and configuration ---

# A private directory that every user may enter, since the homes are in it.
new_place()
{
	DIR=$(mktemp -d /tmp/sallyport-test.XXXXXX)
	chmod 755 "$DIR"
	mkdir "$DIR/home" "$DIR/etc"
	CONF=$DIR/etc/sallyport.conf
	LOG=$DIR/log
	export DIR CONF LOG
}

has_ipv6()
{
	grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null
}

need_ipv6()
{
	has_ipv6 || skip "this machine has no IPv6"
}

# skip_if_asan REASON: what cannot hold in a build for sanitizers.
is_asan()
{
	case $BUILD in */asan) return 0 ;; *) return 1 ;; esac
}

skip_if_asan()
{
	! is_asan || skip "$1"
}

# preload NAME: the word for env with which a program loads tests/preload/NAME first, after a sanitizer's runtime.
preload()
{
	local first=
	! is_asan || first=$(ldd "$BUILD/sallyportctl" | awk '/libasan/ { print $3 ":" }')
	echo "LD_PRELOAD=$first$BUILD/tests/preload/$1.so"
}

# The broker of a server whose libexec-directory is $DIR/libexec.
broker_pid()
{
	local pid
	for pid in $(children_of "$SERVER_PID"); do
		! [ "$(readlink "/proc/$pid/exe")" = "$DIR/libexec/sallyport-broker" ] || echo "$pid"
	done
}

count_descriptors()
{
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

# write_config [LINE...]: write these lines first, sections included, and then the default of each key that they do
# not set.
write_config()
{
	local listen='{"127.0.0.1:0"}' line
	! has_ipv6 || listen='{"127.0.0.1:0", "[::1]:0"}'
	{
		for line in "$@"; do
			printf '%s\n' "$line"
		done
		config_default listen "$listen" "$@"
		config_default service-user '"sallyport"' "$@"
		config_default accounts "\"$DIR/etc/users\"" "$@"
		config_default state-directory "\"$DIR/state\"" "$@"
		config_default runtime-directory "\"$DIR/run\"" "$@"
		case "$*" in *log*\{*) ;; *) echo "log { target = \"$LOG\" level = \"debug\" }" ;; esac
	} >"$CONF"
	[ -e "$DIR/etc/users" ] || (umask 077 && : >"$DIR/etc/users")
}

config_default()
{
	local key=$1 value=$2 line
	shift 2
	for line in "$@"; do
		case $line in "$key"[[:blank:]=]*) return ;; esac
	done
	echo "$key = $value"
}

# --- accounts ---

ctl()
{
	"$BUILD/sallyportctl" -c "$CONF" "$@"
}

# add_user NAME PASSWORD [OPTION...]: the home is $DIR/home/NAME unless given.
add_user()
{
	local name=$1 password=$2
	shift 2
	case " $* " in *" --home"*) ;; *) set -- --home "$DIR/home/$name" "$@" ;; esac
	printf '%s\n' "$password" | ctl user add "$name" --password-stdin "$@"
}

# A system user for broker-user, of this test's own: sets BROKER.
make_broker_user()
{
	export BROKER=sp-broker-$$
	useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$BROKER"
}

end_broker_user()
{
	[ -z "${BROKER-}" ] || wait_until userdel "$BROKER"
}

# --- the server ---

# The test keeps the server's standard error, where the log's lines and sanitizers' reports go.
start_server()
{
	local before
	before=$(times_ready)
	"$BUILD/sallyportd" -f -c "$CONF" "$@" </dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- &
	SERVER_PID=$!
	export SERVER_PID
	wait_until -t 30 server_is_settled "$before"
	if is_gone "$SERVER_PID"; then
		echo "the server did not start:" >&2
		cat "$DIR/stderr" >&2
		return 1
	fi
	find_ports
}

# start_server_with PROGRAM...: PROGRAM... starts the server.
start_server_with()
{
	mkdir "$DIR/bin"
	ln -s "$BUILD/sallyportctl" "$DIR/bin/"
	printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$*" "$BUILD/sallyportd" >"$DIR/bin/sallyportd"
	chmod 755 "$DIR/bin/sallyportd"
	BUILD=$DIR/bin start_server
}

times_ready()
{
	local count
	count=$(log_count ' ready |"event":"ready"')
	echo "${count:-0}"
}

# server_is_settled COUNT: the log has more than COUNT events "ready", or the server is gone.
server_is_settled()
{
	is_gone "$SERVER_PID" || [ "$(times_ready)" -gt "$1" ]
}

log_has()
{
	grep -qE -- "$1" "$LOG" 2>/dev/null
}

# log_count PATTERN
log_count()
{
	grep -cE -- "$1" "$LOG" 2>/dev/null || :
}

find_ports()
{
	PORT=$(sed -n 's/.* listening address=127\.0\.0\.1 .*port=\([0-9]*\).*/\1/p' "$LOG" "$DIR/stderr" 2>/dev/null | tail -n 1)
	PORT6=$(sed -n 's/.* listening address=::1 .*port=\([0-9]*\).*/\1/p' "$LOG" "$DIR/stderr" 2>/dev/null | tail -n 1)
	[ -n "$PORT" ] ||
		PORT=$(sed -n 's/.*"event":"listening".*"address":"127\.0\.0\.1".*"port":\([0-9]*\).*/\1/p' "$LOG" 2>/dev/null | tail -n 1)
	export PORT PORT6
	[ -n "$PORT" ]
}

# stop_server [SIGNAL]: send TERM unless given; fails when the server does not end.
stop_server()
{
	local pid=$SERVER_PID
	[ -n "$pid" ] || return 0
	kill "-${1:-TERM}" "$pid" 2>/dev/null || :
	wait_until -t 40 is_gone "$pid"
	wait "$pid" 2>/dev/null || :
	SERVER_PID=
}

# End the processes that the test started, and no others; fails on an alarm or a sanitizer's report.
end_place()
{
	local status=0
	ftp_close
	if [ -n "$SERVER_PID" ]; then
		kill -INT "$SERVER_PID" 2>/dev/null || :
		wait_until -t 10 is_gone "$SERVER_PID" || { kill -KILL "$SERVER_PID" && status=1; }
		SERVER_PID=
	fi
	if [ -z "$ALARM_EXPECTED" ] && log_has ': critical alarm '; then
		echo "there was an alarm:" >&2
		grep -E ': critical alarm ' "$LOG" >&2
		status=1
	fi
	if grep -qE 'AddressSanitizer|LeakSanitizer|runtime error:' "$DIR/stderr" 2>/dev/null; then
		status=1
	fi
	if [ "$status" -ne 0 ] || [ -z "${BATS_TEST_COMPLETED-}" ]; then
		echo "--- $LOG"
		tail -n 60 "$LOG" 2>/dev/null
		grep -vE 'sallyportd\[[0-9]+\]: (debug|info|warning|error|critical) ' "$DIR/stderr" 2>/dev/null | head -n 60
	fi
	case $DIR in /tmp/sallyport-test.*) rm -rf "$DIR" ;; esac
	return "$status"
}

# --- the processes of a session ---

children_of()
{
	cat "/proc/$1/task/$1/children" 2>/dev/null
}

# The fields of a line of /proc/PID/status, blanks as one space.
status_of()
{
	sed -n "s/^$2:[[:blank:]]*//p" "/proc/$1/status" | tr -s '[:blank:]' ' ' | sed 's/ $//'
}

# An ended child is a zombie until the master reaps it: up to 200 ms, when its SIGCHLD merged with another.
has_no_zombie()
{
	# shellcheck disable=SC2009 # pgrep tells no states
	! ps -o stat= --ppid "$SERVER_PID" | grep -q Z
}

# Print the pids of monitors: the children of the master that have, or had, a protocol process. The logger has no
# child; the hooks process has one, and its root identifies it.
monitor_pids()
{
	local pid
	for pid in $(children_of "$SERVER_PID"); do
		[ -z "$(children_of "$pid")" ] || [ "$(readlink "/proc/$pid/root")" = "$DIR/state/hooks" ] || echo "$pid"
	done
}

no_session()
{
	[ -z "$(monitor_pids)" ]
}

# Set MONITOR, PROTOCOL and, after login, FILES of the only session.
find_session()
{
	local pid service_uid
	service_uid=$(id -u sallyport)
	MONITOR=$(monitor_pids | head -n 1)
	PROTOCOL=
	FILES=
	for pid in $(children_of "$MONITOR"); do
		if [ "$(status_of "$pid" Uid | cut -d' ' -f1)" = "$service_uid" ]; then
			PROTOCOL=$pid
		else
			FILES=$pid
		fi
	done
	[ -n "$MONITOR" ] && [ -n "$PROTOCOL" ]
}

# --- raw FTP: one control connection, FTP its descriptor ---

ftp_open()
{
	exec {FTP}<>"/dev/tcp/${1:-127.0.0.1}/${2:-$PORT}"
	ftp_reply
}

ftp_close()
{
	[ -z "${FTP-}" ] || exec {FTP}>&-
	FTP=
}

# Read one whole reply into REPLY_TEXT and REPLY (its code); fails at the end of the connection.
ftp_reply()
{
	local line code
	REPLY_TEXT=
	REPLY=
	while IFS= read -r -t 20 -u "$FTP" line; do
		line=${line%$'\r'}
		REPLY_TEXT+=$line$'\n'
		code=${line:0:3}
		[ -n "$REPLY" ] || REPLY=$code
		if [[ $line =~ ^[0-9]{3}\  ]] && [ "$code" = "$REPLY" ]; then
			return 0
		fi
	done
	echo "no reply; so far: $REPLY_TEXT" >&2
	return 1
}

ftp_send()
{
	printf '%s\r\n' "$1" >&"$FTP"
}

# ftp COMMAND CODE: send the command, and expect this reply.
ftp()
{
	ftp_send "$1"
	ftp_reply
	if [ "$REPLY" != "$2" ]; then
		echo "to '$1': expected $2, got: $REPLY_TEXT" >&2
		return 1
	fi
}

# ftp_login NAME PASSWORD: open and log in.
ftp_login()
{
	ftp_open
	ftp "USER $1" 331
	ftp "PASS $2" 230
}

url()
{
	echo "ftp://$1@127.0.0.1:$PORT/${2-}"
}

# --- a data connection, DATA its descriptor ---

# Open it in extended passive mode; the next command uses it.
ftp_passive()
{
	local port
	ftp EPSV 229
	[[ $REPLY_TEXT =~ \(\|\|\|([0-9]+)\|\) ]]
	port=${BASH_REMATCH[1]}
	exec {DATA}<>"/dev/tcp/${1:-127.0.0.1}/$port"
}

data_close()
{
	[ -z "${DATA-}" ] || exec {DATA}>&-
	DATA=
}

# ftp_receive COMMAND [FILE]: write what the server sends to FILE, or to standard output.
ftp_receive()
{
	ftp_passive
	ftp "$1" 150
	timeout 60 cat <&"$DATA" >"${2:-/dev/stdout}"
	data_close
	ftp_reply
	assert_equal "$REPLY" 226
}

# ftp_stuck PATH SIZE: a download that stands still in the middle, because the test does not read the data
# connection.
ftp_stuck()
{
	truncate -s "${2:-64M}" "$DIR/home/alice/$1"
	chown "$(stat -c %u:%g "$DIR/home/alice")" "$DIR/home/alice/$1"
	ftp 'TYPE I' 200
	ftp_passive
	ftp "RETR $1" 150
	wait_until data_is_full
}

# The connection holds many bytes that the test did not read.
data_is_full()
{
	local inode queue
	inode=$(readlink "/proc/self/fd/$DATA" | tr -cd 0-9)
	queue=$(awk -v inode="$inode" '$10 == inode { split($5, q, ":"); print q[2]; exit }' /proc/net/tcp /proc/net/tcp6)
	[ -n "$queue" ] && [ "$((16#$queue))" -gt 30000 ]
}

# --- transcripts ---

# ftp_raw [-s SOURCE] <TRANSCRIPT: see the head of ftp-raw.
ftp_raw()
{
	timeout 60 "$BATS_TEST_DIRNAME/ftp-raw" "$@" 127.0.0.1 "$PORT"
}

# as_alice [-s SOURCE] <TRANSCRIPT: run it after a login as alice.
as_alice()
{
	{
		printf '%s\n' '< 220' '> USER alice' '< 331' '> PASS secret' '< 230'
		cat
	} | ftp_raw "$@"
}

# --- steps in Python ---

# need_trace: skip unless strace can stop processes here; start a server.
need_trace()
{
	command -v strace >/dev/null || skip "strace is not installed"
	timeout 10 strace -o /dev/null -p "$SERVER_PID" 2>"$DIR/strace" &
	wait_until test -s "$DIR/strace"
	kill "$!" 2>/dev/null || :
	wait "$!" || :
	grep -q attached "$DIR/strace" || skip "processes cannot be traced here"
	rm "$DIR/strace" # the word is not that of the test's own strace
}

# py <SCRIPT: run Python with everything of ftp.py, and HOME_DIR, the home of alice. LIMIT: its seconds.
# PY_IN, when set, is a command that runs it elsewhere (nsenter).
py()
{
	# shellcheck disable=SC2086 # a command with its arguments
	{
		printf '%s\n' 'import os, signal, sys, threading' 'from ftp import *' 'HOME_DIR = os.environ["DIR"] + "/home/alice"'
		cat
	} | PYTHONPATH=$BATS_TEST_DIRNAME PYTHONDONTWRITEBYTECODE=1 timeout "${LIMIT:-60}" ${PY_IN-} python3 -
}
