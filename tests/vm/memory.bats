#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# With a small MemoryMax= the kernel ends the fattest session; the master, the service and other sessions go on.

setup() { load lib; }

score()
{
	cat "/proc/$1/oom_score_adj"
}

descendants()
{
	local pid
	for pid in $(children_of "$1"); do
		echo "$pid"
		descendants "$pid"
	done
}

@test "the master is protected, its children are not" {
	local pid
	sed -i 's/^\( *\)require = .*/\1require = no/' "$CONF"
	systemctl reload sallyportd
	new_account alice
	ftp_login alice secret
	assert_equal "$(score "$(master_pid)")" -500
	[ "$(descendants "$(master_pid)" | wc -l)" -ge 5 ]
	for pid in $(descendants "$(master_pid)"); do
		assert_equal "$(score "$pid")" 0
	done
	ftp_close
}

@test "out of memory: one session ends, and is logged as what it was" {
	local before other
	new_account fat
	python3 - <<-'END'
		import os
		home = '/srv/sallyport/fat'
		for i in range(20000):
		    os.mkfifo('%s/%05d%s' % (home, i, 'x' * 240))
	END
	before=$(master_pid)
	ftp_login alice secret
	other=$FTP
	ftp_login fat secret
	systemctl set-property --runtime sallyportd MemorySwapMax=0 \
		MemoryMax="$(($(systemctl show --property MemoryCurrent --value sallyportd) + 2097152))"
	ftp_passive
	ftp_send 'LIST -t'
	timeout 90 cat <&"$DATA" >/dev/null || [ $? -ne 124 ]
	data_close
	timeout 60 cat <&"$FTP" >/dev/null || [ $? -ne 124 ]
	wait_until -t 60 eval "journalctl --boot --output cat SALLYPORT_EVENT=alarm | grep -q 'user=\"fat\" died=\"\(files\|protocol\)\" .*perhaps because memory was short'"
	assert_equal "$(journalctl --boot --output cat SALLYPORT_EVENT=alarm | wc -l)" 1
	FTP=$other ftp NOOP 200
	systemctl set-property --runtime sallyportd MemoryMax=infinity
	is_served
	service_has ActiveState active
	service_has NRestarts 0
	assert_equal "$(master_pid)" "$before"
}
