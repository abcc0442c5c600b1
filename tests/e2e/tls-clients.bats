#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# TLS with widespread clients: both directions, both versions, explicit and implicit.

load lib
load tls-lib

setup_file()
{
	make_authority
}

setup()
{
	new_place
	start_tls_server
	FILE=$DIR/file
	head -c 3000000 /dev/urandom >"$FILE"
}

teardown()
{
	end_place
}

# curl_both_ways URL OPTION...: upload two files and download two, on one connection.
curl_both_ways()
{
	local url=$1
	shift
	run -0 curls -v "$@" -u alice:secret -T "$FILE" "$url/one" -T "$FILE" "$url/two"
	refute_output --partial '< 52'
	assert_equal "$(grep -c '< 220 ' <<<"$output")" 1
	run -0 curls "$@" -u alice:secret -o "$DIR/one" "$url/one" -o "$DIR/two" "$url/two"
	cmp "$FILE" "$DIR/one"
	cmp "$FILE" "$DIR/two"
	cmp "$FILE" "$DIR/home/alice/two"
}

@test "curl, TLS 1.3, explicit: two files up and two down on one connection" {
	curl_both_ways "ftp://127.0.0.1:$PORT" --ssl-reqd --tlsv1.3
	log_has ' tls .*TLSv1.3'
}

@test "curl, TLS 1.2, explicit" {
	curl_both_ways "ftp://127.0.0.1:$PORT" --ssl-reqd --tls-max 1.2
	log_has ' tls .*TLSv1.2'
}

@test "curl, TLS 1.3, implicit" {
	curl_both_ways "ftps://127.0.0.1:$TLS_PORT" --tlsv1.3
}

@test "curl, TLS 1.2, implicit" {
	curl_both_ways "ftps://127.0.0.1:$TLS_PORT" --tls-max 1.2
}

# lftp uses GnuTLS
lftp_does()
{
	timeout 60 lftp -c "set ssl:ca-file $CA; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set net:max-retries 1;
		set cmd:fail-exit yes; $1"
}

lftp_both_ways()
{
	lftp_does "$1; open -u alice,secret $2; put $FILE -o one; put $FILE -o two; cls -1; get one -o $DIR/one; get two -o $DIR/two"
	cmp "$FILE" "$DIR/one"
	cmp "$FILE" "$DIR/two"
	cmp "$FILE" "$DIR/home/alice/two"
}

@test "lftp, TLS 1.3, explicit" {
	lftp_both_ways 'set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS1.3' "ftp://127.0.0.1:$PORT"
	log_has ' tls .*TLSv1.3'
}

@test "lftp, TLS 1.2, explicit" {
	lftp_both_ways 'set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS1.2' "ftp://127.0.0.1:$PORT"
	log_has ' tls .*TLSv1.2'
}

@test "lftp, implicit" {
	lftp_both_ways '' "ftps://127.0.0.1:$TLS_PORT"
}

@test "lftp in active mode" {
	lftp_both_ways 'set ftp:passive-mode no' "ftp://127.0.0.1:$PORT"
}

@test "lftp mirrors over several connections" {
	mkdir "$DIR/tree" "$DIR/tree/sub"
	for i in 1 2 3 4 5 6; do head -c "${i}0000" /dev/urandom >"$DIR/tree/sub/$i"; done
	lftp_does "open -u alice,secret ftp://127.0.0.1:$PORT; mirror -R --parallel=3 $DIR/tree up; mirror --parallel=3 up $DIR/down"
	diff -r "$DIR/tree" "$DIR/down"
}

@test "python: ftplib that resumes the session" {
	ftps <<-'END'
		c = Reusing(context=context())
		c.connect(HOST, PORT, WAIT_S)
		c.login('alice', 'secret')
		c.prot_p()
		c.storbinary('STOR one', io.BytesIO(b'x' * 500000))
		got = []
		c.retrbinary('RETR one', got.append)
		assert b''.join(got) == b'x' * 500000
		assert c.nlst() == ['one']
		c.quit()
	END
}

@test "python: ftplib as it comes is told what is missing, and the log names the cure" {
	run -0 ftps <<-'END'
		c = ftplib.FTP_TLS(context=context())
		c.connect(HOST, PORT, WAIT_S)
		c.login('alice', 'secret')
		c.prot_p()
		for work in c.nlst, lambda: c.storbinary('STOR file', io.BytesIO(b'x' * 3000000)):
		    try:
		        work()
		        raise SystemExit('served')
		    except ftplib.error_perm as error:
		        print(error)
	END
	assert_line --index 0 --regexp '^522 .*resume'
	assert_line --index 1 --regexp '^522 .*resume'
	log_has ' warning tls-not-resumed .*tls.require-data-reuse = no'
}

@test "python: ftplib as it comes works where that is allowed" {
	stop_server
	: >"$LOG"
	write_tls_config tls='require-data-reuse = no'
	start_server
	find_tls_ports
	ftps <<-'END'
		c = ftplib.FTP_TLS(context=context())
		c.connect(HOST, PORT, WAIT_S)
		c.login('alice', 'secret')
		c.prot_p()
		for i in range(20):
		    c.storbinary('STOR %d' % i, io.BytesIO(b'x' * 5000))
		assert len(c.nlst()) == 20
		c.quit()
	END
}

@test "openssl s_client -starttls ftp: TLS 1.3 with a verified chain" {
	run -0 timeout 20 openssl s_client -starttls ftp -connect "127.0.0.1:$PORT" -CAfile "$CA" -verify_return_error \
		-verify_ip 127.0.0.1 <<<QUIT
	assert_output --partial 'New, TLSv1.3'
	assert_output --partial 'Verify return code: 0 (ok)'
	assert_output --regexp ' 2 s:|1 s:CN ?= ?test intermediate'
}
