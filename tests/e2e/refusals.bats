#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A request that cannot work gets a permanent reply, 5yz, with the reason; a conflict with another session
# gets 450 (RFC 959, 4.2.1).

load lib

setup()
{
	new_place
	write_config
	add_user alice secret
	start_server
	H=$DIR/home/alice
}

teardown()
{
	data_close
	! mountpoint -q "$H/m" || umount "$H/m"
	end_place
}

# A file system of its own in the home.
mount_in_home()
{
	mkdir "$H/m"
	mount -t tmpfs -o size=1m none "$H/m" 2>/dev/null || skip "a mount is not permitted here"
	mkdir "$H/m/d"
	touch "$H/m/f" "$H/f"
	mkdir "$H/d"
	chown -R --reference="$H" "$H/m" "$H/f" "$H/d"
}

@test "a file system that is mounted read-only: 5yz in every verb, and it is not the account's fault" {
	mount_in_home
	mount -o remount,ro "$H/m"
	ftp_login alice secret
	while read -r code command; do
		case $command in STOR* | APPE* | STOU*) ftp_passive ;; esac
		ftp "$command" "$code"
		data_close
		[[ $REPLY_TEXT == *'mounted read-only'* ]]
	done <<-'END'
		550 MKD m/x
		550 RMD m/d
		550 DELE m/f
		550 RMDA m/d
		553 STOR m/f
		553 STOR m/new
		553 APPE m/f
		553 STOU m/f
		550 MFMT 20200101000000 m/f
		550 MFF UNIX.mode=0600; m/f
		550 SITE CHMOD 600 m/f
	END
	ftp 'RNFR m/f' 350
	ftp 'RNTO m/g' 553
	[[ $REPLY_TEXT == *'mounted read-only'* ]]
	ftp 'SITE CPFR f' 350
	ftp 'SITE CPTO m/g' 553
	[[ $REPLY_TEXT == *'mounted read-only'* ]]
}

@test "an account that may only read is told so" {
	add_user bob secret --read-only
	ctl reload
	ftp_login bob secret
	ftp 'MKD x' 550
	[[ $REPLY_TEXT == *'This account'* ]]
}

@test "a mount point: not removed, not renamed, not replaced, and no transfer is blamed" {
	mount_in_home
	ftp_login alice secret
	for commands in 'RMD m' 'RNFR m|RNTO n' 'RNFR d|RNTO m' 'RNFR f|RNTO m/g' 'RNFR m/f|RNTO g'; do
		case $commands in *'|'*) ftp "${commands%|*}" 350 ;; esac
		ftp_send "${commands#*|}"
		ftp_reply
		[[ $REPLY =~ ^55[03]$ ]]
		[[ $REPLY_TEXT == *'mount point'* ]]
	done
	mountpoint -q "$H/m"
}

@test "names and links that lead nowhere: 5yz in every verb" {
	ln -s turn "$H/turn"
	ln -s nowhere "$H/dangling"
	touch "$H/f"
	mkdir "$H/d"
	chown -hR --reference="$H" "$H"
	ftp_login alice secret
	long=$(printf 'n%.0s' $(seq 300))
	for name in turn/x turn gone f/x "$long"; do
		for verb in LIST NLST MLSD RETR; do
			[ "$verb $name" != 'LIST turn' ] && [ "$verb $name" != 'NLST turn' ] || continue
			ftp_passive
			ftp_send "$verb $name"
			ftp_reply
			data_close
			echo "$verb $name: $REPLY_TEXT"
			[[ $REPLY =~ ^5 ]]
			ftp ABOR 226
		done
		for verb in CWD RMD SIZE MDTM STAT HASH DSIZ AVBL 'MFMT 20200101000000' 'SITE CHMOD 600' 'SITE CPFR'; do
			[ "$verb $name" != 'STAT turn' ] || continue
			ftp_send "$verb $name"
			ftp_reply
			echo "$verb $name: $REPLY_TEXT"
			[[ $REPLY =~ ^5 ]]
		done
	done
	ftp 'RNFR d' 350
	ftp 'RNTO d/inside' 553
	ftp 'RNFR f' 350
	ftp "RNTO $long" 501
	ftp 'RNFR f' 350
	ftp 'RNTO turn/x' 553
	ftp 'RNFR f' 350
	ftp 'RNTO d' 553
}

@test "a program that runs: 450, as it may end" {
	stop_server
	rm "$LOG"
	write_config 'uploads = "in-place"'
	start_server
	cp "$(command -v sleep)" "$H/program"
	chown --reference="$H" "$H/program"
	chmod 755 "$H/program"
	"$H/program" 60 3>&- &
	# shellcheck disable=SC2030 # for program_runs()
	program=$!
	wait_until program_runs
	ftp_login alice secret
	ftp_passive
	ftp 'STOR program' 450
	[[ $REPLY_TEXT == *'running program'* ]]
	kill "$program"
}

program_runs()
{
	# shellcheck disable=SC2031 # of the test that calls this
	[ "$(readlink "/proc/$program/exe")" = "$H/program" ]
}
