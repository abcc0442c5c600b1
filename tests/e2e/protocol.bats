#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Every verb as raw lines, and lines that no client would send.

load lib

setup()
{
	new_place
	write_config
	add_user alice secret
	start_server
	HOME_DIR=$DIR/home/alice
}

teardown()
{
	data_close
	end_place
}

# owned COMMAND...: run it; alice owns what it leaves in the home.
owned()
{
	"$@"
	chown -Rh "$(stat -c %u:%g "$HOME_DIR")" "$HOME_DIR"
}

# --- each verb ---

@test "before login: what is allowed, and nothing else" {
	ftp_raw <<-'END'
		< 220 sallyport ready\r\n
		> SYST
		< 215 UNIX Type: L8\r\n
		> NOOP
		< 200
		> FEAT
		< 211-
		> HELP
		< 214-
		> OPTS UTF8 ON
		< 200
		> STAT
		< 211-.*Not logged in.*\r\n211
		> PASS secret
		< 503
		> PASS
		< 503
		> USER
		< 501
		> PWD
		< 530
		> XPWD
		< 530
		> CWD /
		< 530
		> CDUP
		< 530
		> LIST
		< 530
		> NLST
		< 530
		> MLSD
		< 530
		> MLST
		< 530
		> STAT /
		< 530
		> RETR a
		< 530
		> STOR a
		< 530
		> STOU
		< 530
		> APPE a
		< 530
		> DELE a
		< 530
		> MKD a
		< 530
		> RMD a
		< 530
		> RNFR a
		< 530
		> RNTO a
		< 530
		> SIZE a
		< 530
		> MDTM a
		< 530
		> REST 1
		< 530
		> TYPE I
		< 530
		> MODE S
		< 530
		> STRU F
		< 530
		> ALLO 1
		< 530
		> PASV
		< 530
		> EPSV
		< 530
		> PORT 127,0,0,1,200,1
		< 530
		> EPRT |1|127.0.0.1|50000|
		< 530
		> ABOR
		< 530
		> QUIT
		< 221
		<eof
	END
}

@test "USER and PASS" {
	ftp_raw <<-'END'
		< 220
		> USER alice
		< 331 Password required for alice\r\n
		> USER alice
		< 331
		> PASS secret
		< 230
		> USER alice
		< 530
		> PASS secret
		< 503
		> QUIT
		< 221
		<eof
	END
}

@test "TYPE, MODE, STRU, ALLO" {
	as_alice <<-'END'
		> TYPE I
		< 200 Type is IMAGE
		> TYPE A
		< 200 Type is ASCII
		> type a n
		< 200
		> TYPE L 8
		< 200
		> TYPE L 36
		< 504
		> TYPE E
		< 504
		> TYPE A T
		< 200
		> TYPE
		< 501
		> TYPE X
		< 501
		> MODE S
		< 200
		> MODE B
		< 504
		> MODE C
		< 504
		> MODE X
		< 501
		> STRU F
		< 200
		> STRU R
		< 504
		> STRU P
		< 504
		> STRU X
		< 501
		> ALLO 100
		< 202
		> ALLO 100 R 10
		< 202
		> ALLO
		< 501
		> ALLO many
		< 501
		> ALLO 99999999999999999999999
		< 501
	END
}

@test "PWD, CWD, CDUP, MKD, RMD, and their X forms" {
	as_alice <<-'END'
		> PWD
		< 257 "/" is
		> MKD a
		< 257 "/a" created
		> MKD a
		< 550
		> CWD a
		< 250 Directory changed to /a\r\n
		> MKD b
		< 257 "/a/b"
		> CWD b
		< 250
		> XPWD
		< 257 "/a/b"
		> CDUP
		< 250
		> PWD
		< 257 "/a"
		> CWD ../../../..
		< 250
		> PWD
		< 257 "/" is
		> RMD a
		< 550 /a: Directory is not empty
		> RMD a/b
		< 250
		> XRMD a
		< 250
		> RMD a
		< 550 /a: No such file or directory
		> XMKD x
		< 257 "/x"
		> XCWD x
		< 250
		> XCUP
		< 250
		> PWD
		< 257 "/" is
		> RMD /
		< 5
		> CWD nowhere
		< 550
		> CWD
		< 501
		> PWD please
		< 501
	END
}

@test "a working directory that is removed or moved is not left behind by surprise" {
	as_alice <<-'END'
		> MKD a
		< 257
		> CWD a
		< 250
		> RMD /a
		< 250
		> PWD
		< 257 "/a"
		> MLST x
		< 550
		> MKD x
		< 550
		> CWD ..
		< 250
	END
}

@test "DELE, SIZE, MDTM" {
	owned bash -c "printf 'a\nb\n' >$HOME_DIR/f; touch -d '2001-02-03 04:05:06 UTC' $HOME_DIR/f; mkdir $HOME_DIR/d"
	as_alice <<-'END'
		> TYPE I
		< 200
		> SIZE f
		< 213 4\r\n
		> TYPE A
		< 200
		> SIZE f
		< 213 6\r\n
		> MDTM f
		< 213 20010203040506\r\n
		> SIZE d
		< 550
		> MDTM d
		< 550
		> SIZE gone
		< 550
		> MDTM gone
		< 550
		> DELE d
		< 550
		> DELE f
		< 250
		> DELE f
		< 550
		> DELE
		< 501
	END
}

@test "RNFR and RNTO" {
	owned bash -c "echo a >$HOME_DIR/a; mkdir $HOME_DIR/d $HOME_DIR/full; echo f >$HOME_DIR/full/f"
	as_alice <<-'END'
		> RNTO b
		< 503
		> RNFR gone
		< 550
		> RNTO b
		< 503
		> RNFR a
		< 350
		> RNTO b
		< 250 Renamed to /b
		> RNTO c
		< 503
		> RNFR b
		< 350
		> PWD
		< 257
		# another command between the two ends the rename (RFC 959, 4.1.3)
		> RNTO c
		< 503
		> RNFR b
		< 350
		> NOOP
		< 200
		> RNTO d/b
		< 250
		> RNFR d
		< 350
		> RNTO d/e
		< 553
		> RNFR d
		< 350
		> RNTO full
		< 553
		> RNFR d/b
		< 350
		> RNTO nowhere/b
		< 553
		> RNFR /
		< [35]5
		> RNTO x
		< 5
		> RNFR d/b
		< 350
		> RNTO ../../../up
		< 250 Renamed to /up
	END
	assert_file_exists "$HOME_DIR/up"
}

@test "REST: numbers, and that any other command forgets it" {
	owned bash -c "printf 0123456789 >$HOME_DIR/f"
	as_alice <<-'END'
		> REST
		< 501
		> REST -1
		< 501
		> REST 1x
		< 501
		> REST 9223372036854775808
		< 501
		> REST 9223372036854775807
		< 350
		> TYPE I
		< 200
		> EPSV
		< 229
		> RETR f
		< 554
		> REST 11
		< 350
		> EPSV
		< 229
		> RETR f
		< 554
		> REST 11
		< 350
		> EPSV
		< 229
		> STOR f
		< 554
		> REST 3
		< 350 Restarting at 3
	END
	ftp_login alice secret
	ftp 'TYPE I' 200
	ftp 'REST 5' 350
	ftp 'CWD /' 250
	assert_equal "$(ftp_receive 'RETR f')" 0123456789
}

@test "EPSV and PASV: forms, and EPSV ALL" {
	as_alice <<-'END'
		> EPSV
		< 229 Entering Extended Passive Mode \(\|\|\|\d+\|\)\r\n
		> EPSV 1
		< 229
		> EPSV 2
		< 522 .*\(1\)
		> EPSV 3
		< 522 .*\(1\)
		> EPSV x
		< 501
		> PASV
		< 227 Entering Passive Mode \(127,0,0,1,\d+,\d+\)
		> PASV x
		< 501
		> EPSV ALL
		< 200
		> PASV
		< 501
		> PORT 127,0,0,1,200,1
		< 501
		> EPRT |1|127.0.0.1|50000|
		< 501
		> EPSV
		< 229
	END
}

@test "PORT and EPRT: forms" {
	as_alice <<-'END'
		> PORT 127,0,0,1,200,1
		< 200
		> PORT 127,0,0,1,200
		< 501
		> PORT 127,0,0,1,200,1,1
		< 501
		> PORT 127,0,0,256,200,1
		< 501
		> PORT 127,0,0,1,200,-1
		< 501
		> PORT
		< 501
		> EPRT |1|127.0.0.1|50000|
		< 200
		> EPRT !1!127.0.0.1!50000!
		< 200
		> EPRT |1|127.0.0.1|65536|
		< 501
		> EPRT |1|127.0.0.1|
		< 501
		> EPRT |3|127.0.0.1|50000|
		< 522 .*\(1\)
		> EPRT |2|::1|50000|
		< 522 .*\(1\)
		> EPRT |1|localhost|50000|
		< 501
	END
}

@test "blanks behind a command or a word are passed over, and are part of a path" {
	as_alice <<-'END'
		> TYPE I 
		< 200
		> TYPE A N  
		< 200
		> TYPE L 8 
		< 200
		> MODE S 
		< 200
		> STRU F  
		< 200
		> REST 0 
		< 350
		> ALLO 10 
		< 20[02]
		> EPSV 1 
		< 229
		> EPSV  
		< 229
		> PWD   
		< 257
		> NOOP  
		< 200
		> OPTS UTF8 ON 
		< 200
		> HELP RETR 
		< 214 Syntax
		> AUTH TLS 
		< 502 TLS is not set up
		> TYPE  
		< 501
		> MKD x 
		< 257 "/x "
		> CWD x
		< 550
		> CWD x 
		< 250
	END
}

@test "CWD ~ and ~/x go home, and to a directory that is called ~ where there is one" {
	mkdir -p "$DIR/home/alice/docs/deep"
	chown -R --reference="$DIR/home/alice" "$DIR/home/alice"
	as_alice <<-'END'
		> CWD docs
		< 250
		> CWD ~
		< 250
		> PWD
		< 257 "/"
		> CWD ~/docs/deep
		< 250
		> PWD
		< 257 "/docs/deep"
		> CWD ~/../..
		< 250
		> PWD
		< 257 "/"
		> CWD ~bob
		< 550
		> CWD ~/none
		< 550
		> MKD docs/~
		< 257
		> CWD docs
		< 250
		> CWD ~
		< 250
		> PWD
		< 257 "/docs/~"
	END
}

@test "a transfer without a data connection is 425, and ABOR and STAT without one are quiet" {
	as_alice <<-'END'
		> LIST
		< 425
		> RETR a
		< 425
		> STOR a
		< 425
		> EPSV
		< 229
		> ABOR
		< 226
		> LIST
		< 425
		> STAT
		< 211-.*Logged in as alice.*211 End
		> STAT gone
		< 550
		> STAT /
		< 212-
	END
}

@test "HELP and FEAT tell what there is" {
	run as_alice <<-'END'
		> HELP
		< 214-
		> HELP retr
		< 214 Syntax: RETR path
		> HELP frobnicate
		< 502
		> HELP GET
		< 502
		> FEAT
		< 211-Features:\r\n
	END
	assert_success
	for feature in EPRT EPSV MDTM 'REST STREAM' SIZE TVFS UTF8; do
		assert_line --regexp "^<  $feature$"
	done
	assert_line --regexp '^<  MLST type\*;size\*;modify\*;perm\*;'
	# the server knows each verb that HELP lists
	verbs=$(grep -E '^<  ([A-Z0-9]{3,7} +)+$' <<<"$output" | tr -d '<')
	assert_equal "$(wc -w <<<"$verbs" | tr -d ' ')" "$(tr -s ' ' '\n' <<<"$verbs" | sort -u | grep -c .)"
	for verb in USER PASS QUIT NOOP SYST FEAT OPTS HELP STAT TYPE MODE STRU ALLO PWD CWD CDUP MKD RMD DELE RNFR RNTO \
		LIST NLST MLSD MLST SIZE MDTM PASV EPSV PORT EPRT REST RETR STOR APPE ABOR XSHA256 XSHA512 XPWD XCWD XCUP XMKD XRMD; do
		grep -qw "$verb" <<<"$verbs"
	done
	for verb in $verbs; do
		printf '> HELP %s\n< 214 Syntax: %s\n' "$verb" "$verb"
	done >"$DIR/transcript"
	as_alice <"$DIR/transcript"
}

@test "OPTS" {
	ftp_raw <<-'END'
		< 220
		> OPTS UTF8 ON
		< 200
		> opts utf8 on
		< 200
		> OPTS UTF8 OFF
		< 501
		> OPTS
		< 501
		> OPTS FROB
		< 501
	END
}

# --- lines ---

@test "a line in pieces, byte by byte" {
	ftp_raw <<-'END'
		< 220
		>1 USER alice
		< 331
		>1 PASS secret
		< 230
		>1 PWD
		< 257
	END
}

@test "several lines at once, answered in order" {
	ftp_raw <<-'END'
		< 220
		>> USER alice\r\nPASS secret\r\nPWD\r\nMKD a\r\nCWD a\r\nPWD\r\nNOOP\r\nSYST\r\nQUIT\r\n
		< 331
		< 230
		< 257 "/" is
		< 257 "/a"
		< 250
		< 257 "/a"
		< 200
		< 215
		< 221
		<eof
	END
}

@test "1000 lines at once" {
	{
		echo '< 220'
		printf '%s\n' '>> {1000*NOOP\r\n}'
		yes '< 200' | head -n 1000
		echo '> QUIT'
		echo '< 221'
	} | ftp_raw
}

@test "LF alone ends a line too, and verbs are not case sensitive" {
	ftp_raw <<-'END'
		< 220
		>> noop\n
		< 200
		>> user alice\npass secret\n
		< 331
		< 230
		>> pWd\r\n
		< 257
	END
}

@test "the end of the connection in the middle of a line runs nothing" {
	owned touch "$HOME_DIR/keep"
	exec {FTP}<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'USER alice\r\nPASS secret\r\nDELE keep' >&"$FTP"
	wait_until log_has ' login '
	ftp_close
	wait_until log_has ' disconnect '
	assert_file_exists "$HOME_DIR/keep"
}

@test "a line that is too long is 500, and the session goes on" {
	as_alice <<-'END'
		> NOOP {4091*x}
		< 200
		> NOOP {4099*x}
		< 200
		> NOOP {4100*x}
		< 500
		> NOOP
		< 200
		> {1000000*x}
		< 500 Line too long
		>1 PWD
		< 257
	END
}

@test "NUL is 500; telnet codes are taken out" {
	as_alice <<-'END'
		> PW\0D
		< 500
		> \xff\xf4\xff\xf2PWD
		< 257
		> P\xff\xfb\x01WD
		< 257
		> PWD\r\0
		< 5
		> MKD a\xff\xffb
		< 257 "/a.b"
		> PWD
		< 257
	END
	[ -d "$HOME_DIR/"$'a\xffb' ]
}

@test "senseless lines are 500; fifty in a row end the session" {
	{
		echo '< 220'
		for i in $(seq 49); do
			printf '> FROB %s\n< 500\n' "$i"
		done
		printf '%s\n' '> NOOP' '< 200'
		for i in $(seq 49); do
			printf '> FROB %s\n< 500\n' "$i"
		done
		printf '%s\n' '> ' '< 500' '< 421' '<eof'
	} | ftp_raw
	wait_until log_has ' bad-commands .*address=127.0.0.1'
}

@test "what is no command at all is 500" {
	ftp_raw <<-'END'
		< 220
		>>
		>> \r\n
		< 500
		>  NOOP
		< 500
		> NOOP\x09x
		< 500
		> \x80\x81\x82
		< 500
		> ABCDEFGHIJKLMNOPQRSTUVWXYZ
		< 500
		> NOOP;
		< 500
		> 123
		< 500
		> FOO CHMOD 777 x
		< 50
		> NOOP
		< 200
	END
}

@test "HTTP is sent away" {
	for verb in GET POST HEAD PUT OPTIONS CONNECT DELETE; do
		ftp_raw <<-END
			< 220
			>> $verb / HTTP/1.1\r\nHost: x\r\nUSER alice\r\n\r\n
			< 421
			<eof
		END
	done
	run curl -sS --max-time 10 --http0.9 "http://127.0.0.1:$PORT/"
	refute_output --partial 331
}

@test "200000 random bytes: replies or an end, and the server goes on" {
	for seed in 1 2 3; do
		timeout 30 python3 - "$PORT" "$seed" <<-'END'
			import random, socket, sys, threading
			random.seed(int(sys.argv[2]))
			control = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
			def read():
			    try:
			        while control.recv(65536):
			            pass
			    except ConnectionResetError:
			        pass
			reader = threading.Thread(target=read)
			reader.start()
			try:
			    control.sendall(random.randbytes(200000))
			    control.shutdown(socket.SHUT_WR)
			except OSError:
			    pass
			reader.join()
		END
	done
	as_alice <<-'END'
		> PWD
		< 257
	END
}

# --- names ---

@test "names with spaces, quotes, leading dashes, and other bytes" {
	as_alice <<-'END'
		> MKD  two  spaces 
		< 257 "/ two  spaces " created
		> MKD say "hi"
		< 257 "/say ""hi""" created
		> CWD say "hi"
		< 250
		> PWD
		< 257 "/say ""hi""" is
		> CWD /
		< 250
		> MKD -rf
		< 257 "/-rf"
		> CWD -rf
		< 250
		> CDUP
		< 250
		> MKD größe
		< 257 "/größe"
		> MKD latin\xe4
		< 257
		> MKD *?[a]
		< 257
		> CWD *?[a]
		< 250
		> CDUP
		< 250
		> CWD ~
		< 250 Directory changed to /\r
		> MKD $HOME;`id`
		< 257
		> RMD /-rf
		< 250
	END
	[ -d "$HOME_DIR/ two  spaces " ]
	[ -d "$HOME_DIR/"$'latin\xe4' ]
	# shellcheck disable=SC2016 # as it is
	[ -d "$HOME_DIR/"'$HOME;`id`' ]
}

@test "names of 255 bytes work, of 256 do not; long paths" {
	as_alice <<-'END'
		> MKD {255*n}
		< 257
		> CWD {255*n}
		< 250
		> CWD /
		< 250
		> MKD {256*n}
		< 501
		> CWD {2040*a/}
		< 550
		> CWD {255*n}/
		< 250
		> CWD {2040*a/}
		< 501
		> CWD {1000*../}
		< 250
		> PWD
		< 257 "/" is
	END
}

@test "control characters in new names are refused" {
	owned touch "$HOME_DIR/f"
	as_alice <<-'END'
		> MKD a\x1b[31mb
		< 55
		> MKD a\x09b
		< 55
		> MKD a\x7fb
		< 55
		> MKD a\rb
		< 55
		> RNFR f
		< 350
		> RNTO a\x07b
		< 553
		> EPSV
		< 229
		> STOR a\x07b
		< 553
		> EPSV
		< 229
		> APPE a\x07b
		< 553
	END
	assert_equal "$(ls -A "$HOME_DIR")" f
}

@test "a newline in a name of the disk never breaks a reply" {
	owned mkdir "$HOME_DIR/"$'evil\r\n226 done'
	as_alice <<-'END'
		> STAT /
		< 212-[^\n]*\r\n [^\n]*evil\?\?226 done\r\n212 End
		> NOOP
		< 200
		> CWD evil\r\x00
		< 55
	END
}

# --- ways out of the home ---

@test "no link leads out of the home" {
	mkdir "$DIR/outside"
	echo treasure >"$DIR/outside/f"
	chmod -R 777 "$DIR/outside"
	ln -s /etc/passwd "$HOME_DIR/absolute"
	ln -s ../../../../../../../../../../etc/passwd "$HOME_DIR/dots"
	ln -s "$DIR/outside" "$HOME_DIR/directory"
	ln -s ../../outside "$HOME_DIR/relative"
	ln -s /proc/self/root "$HOME_DIR/root"
	ln -s /proc/self/cwd "$HOME_DIR/cwd"
	ln -s "$DIR/outside/new" "$HOME_DIR/new"
	ln -s loop "$HOME_DIR/loop"
	chown -h "$(stat -c %u:%g "$HOME_DIR")" "$HOME_DIR"/*
	{
		for name in absolute dots directory/f relative/f root/etc/passwd cwd/f loop /../../etc/passwd; do
			printf '> SIZE %s\n< 550\n> MDTM %s\n< 550\n' "$name" "$name"
			printf '> EPSV\n< 229\n> RETR %s\n< 550\n' "$name"
		done
		for name in directory relative root cwd root/proc/self; do
			printf '> CWD %s\n< 550\n> MKD %s/x\n< 550\n' "$name" "$name"
			printf '> EPSV\n< 229\n> MLSD %s\n< 550\n' "$name"
			printf '> EPSV\n< 229\n> STOR %s/x\n< 553\n' "$name"
			printf '> RNFR %s/f\n< 550\n> DELE %s/f\n< 550\n' "$name" "$name"
		done
		printf '%s\n' '> EPSV' '< 229' '> STOR new' '< 553'
	} >"$DIR/transcript"
	as_alice <"$DIR/transcript"
	assert_equal "$(ls "$DIR/outside")" f
	# a command may remove links themselves
	as_alice <<-'END'
		> DELE absolute
		< 250
		> RNFR directory
		< 350
		> RNFR loop
		< 350
		> DELE directory
		< 250
	END
	assert_equal "$(cat "$DIR/outside/f")" treasure
}

@test "links inside the home work; an absolute one starts at the home" {
	owned bash -c "cd $HOME_DIR; mkdir d; echo inside >d/f; ln -s d/f near; ln -s /d/f far; ln -s /d dir; ln -s ../../../d up"
	ftp_login alice secret
	for name in near far dir/f up/f; do
		assert_equal "$(ftp_receive "RETR $name")" inside$'\r'
	done
}

@test "FIFOs, sockets and devices are never opened" {
	mkfifo "$HOME_DIR/fifo"
	mknod "$HOME_DIR/zero" c 1 5
	mknod "$HOME_DIR/tty" c 5 0
	python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$HOME_DIR/socket')"
	chmod 666 "$HOME_DIR"/{fifo,zero,tty,socket}
	owned true
	for name in fifo zero tty socket; do
		as_alice <<-END
			> EPSV
			< 229
			> RETR $name
			< 550
			> EPSV
			< 229
			> STOR $name
			< 553
			> EPSV
			< 229
			> APPE $name
			< 553
			> SIZE $name
			< 550
			> MLST $name
			< 250
			> CWD $name
			< 550
			> DELE $name
			< 250
		END
	done
	assert_equal "$(ls -A "$HOME_DIR")" ""
}
