#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Rotation as installed: no line is lost, and running sessions write into the new file.

load lib

setup()
{
	PATH=$PATH:/usr/sbin:/sbin
	command -v logrotate >/dev/null || skip "logrotate is not installed"
	new_place
	mkdir -m 750 "$DIR/logs"
	LOG=$DIR/logs/sallyportd.log
	sed -e "s|/var/log/sallyport|$DIR/logs|; s|/run/sallyport|$DIR/run|g" \
		"$BATS_TEST_DIRNAME/../../etc/logrotate.d/sallyport" >"$DIR/rotate"
	write_config "log { target = \"$LOG\" xferlog = \"$DIR/logs/xfer.log\" }"
	add_user alice secret
	start_server
}

teardown()
{
	data_close
	[ -z "${DIR-}" ] || end_place
}

@test "logs are rotated and go on in new files" {
	ftp_login alice secret
	ftp_receive 'LIST' /dev/null
	ftp_passive
	ftp 'STOR before' 150
	data_close
	ftp_reply
	wait_until grep -q ' /before ' "$DIR/logs/xfer.log"
	run logrotate -s "$DIR/rotate.state" -f "$DIR/rotate"
	assert_success
	assert_output ""
	wait_until log_has ' info reload '
	ftp_passive
	ftp 'STOR after' 150
	data_close
	ftp_reply
	ftp QUIT 221
	wait_until log_has ' disconnect '
	grep -q ' path="/before"' "$LOG.1"
	grep -q ' path="/after"' "$LOG"
	wait_until grep -q ' /after ' "$DIR/logs/xfer.log"
	run grep -c ' /after ' "$DIR/logs/xfer.log.1"
	assert_output 0
	[ "$((0$(stat -c %a "$LOG") & 07))" -eq 0 ]
}
