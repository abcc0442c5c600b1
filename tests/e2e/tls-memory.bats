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
