#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The memory that an idle session over TLS keeps, in pages: their number repeats, as times do not.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	skip_if_asan "sanitizers keep memory of their own"
	new_place
	start_tls_server
	# the bound is for OpenSSL of Debian 12; OpenSSL 3.5 of Debian 13 touches more pages of its own data
	MOST=320
	[[ $(openssl version) == 'OpenSSL 3.0.'* ]] || MOST=500
	export SERVER_PID MOST
}

teardown()
{
	[ -z "${DIR-}" ] || end_place
}

@test "memory that a download of 1 MiB over TLS touches, and the next one" {
	head -c 1048576 /dev/zero >"$DIR/home/alice/file"
	run -0 ftps <<-'END'
		def faults():
		    """Of protocol, whose parent is the monitor; it began before files did."""
		    with open("/proc/%d/stat" % ftp.Session().protocol) as file:
		        return int(file.read().rsplit(")", 1)[1].split()[7])
		c = Control(tls=context(TLS13)).login()
		c.put("small", b"1")	# what every transfer needs
		counts = [faults()]
		for _ in range(3):
		    assert len(c.get("file")) == 1048576
		    counts.append(faults())
		first, *later = (b - a for a, b in zip(counts, counts[1:]))
		print(first, later)
		assert first <= 50 and max(later) <= 10, (first, later)
	END
	echo "# page faults of the first download, and of two more: $output" >&3
}

@test "memory of an idle session over TLS" {
	run -0 ftps <<-'END'
		for i in range(3):  # the first one finds the libraries' pages untouched
		    c = Control(tls=context(TLS13)).login()
		    c.ask("NOOP", 200)
		    kept, _ = ftp.sessions_kib()
		    c.close()
		    ftp.wait_until(lambda: not any(map(ftp.children, ftp.children(int(os.environ["SERVER_PID"])))), "its end")
		print(kept, "KiB")
		assert 100 < kept <= int(os.environ["MOST"]), kept
	END
	echo "# kept by protocol, files and monitor, $output" >&3
}
