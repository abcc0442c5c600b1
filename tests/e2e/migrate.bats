#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# sallyportctl migrate: configurations of other servers, and the accounts of their users.

load lib
load peers-lib

setup_file()
{
	make_peers_place
}

teardown_file()
{
	end_peers_place
}

setup()
{
	new_place
	OUT=$DIR/etc/new
}

teardown()
{
	end_place
}

# migrate PEER FILE...: into $OUT
migrate()
{
	"$BUILD/sallyportctl" migrate "$@" --output "$OUT"
}

# Start a server of what was migrated, where the old configuration has addresses and ports of the test.
start_hosts()
{
	CONF=$OUT/sallyport.conf
	cat >>"$CONF" <<-E
		state-directory = "$DIR/state"
		runtime-directory = "$DIR/run"
		log { target = "$LOG" level = "debug" }
	E
	ctl config check
	start_server
}

# What of the new configuration would touch this machine becomes the test's; then check it, and start the server.
start_migrated()
{
	CONF=$OUT/sallyport.conf
	sed -i -E 's/^(listen(-tls)? = )\{.*/\1{"127.0.0.1:0"}/; /^active-port/d; /xferlog = /d' "$CONF"
	grep -q '^listen' "$CONF" || echo 'listen = {"127.0.0.1:0"}' >>"$CONF"
	start_hosts
}

# A line of passwd(5) in $DIR/old/passwd, and of shadow(5) beside it: name, password, uid, shell.
old_user()
{
	mkdir -p "$DIR/old"
	install -d -o "$3" -g "$3" -m 700 "$DIR/home/$1"
	echo "$1:x:$3:$3::$DIR/home/$1:$4" >>"$DIR/old/passwd"
	(umask 077 && echo "$1:$(openssl passwd -6 "$2"):20000:0:99999:7:::" >>"$DIR/old/shadow")
}

ls_of()
{
	curl -sS --max-time 30 --list-only --user "$2" "ftp://127.0.0.1:$1/" | LC_ALL=C sort
}

refused()
{
	# shellcheck disable=SC2153 # PORT is set by lib.bash
	run curl -sS --max-time 30 --user "$1" "ftp://127.0.0.1:$PORT/"
	assert_equal "$status" 67
}

@test "migrate: an output directory is needed, and files there are never replaced" {
	echo 'listen=YES' >"$DIR/vsftpd.conf"
	run "$BUILD/sallyportctl" migrate vsftpd "$DIR/vsftpd.conf"
	assert_equal "$status" 2
	assert_output --partial "--output DIR"
	mkdir "$OUT"
	echo mine >"$OUT/sallyport.conf"
	run migrate vsftpd "$DIR/vsftpd.conf"
	assert_failure
	assert_output --partial "'sallyport.conf' is in the directory already"
	assert_equal "$(cat "$OUT/sallyport.conf")" mine
	assert_not_exist "$OUT/users"
}

@test "migrate: bad lines are named with file and line, and nothing is written" {
	printf 'listen=YES\nlisten YES\n' >"$DIR/bad"
	run migrate vsftpd "$DIR/bad"
	assert_failure
	assert_output --partial "$DIR/bad:2: no 'NAME=VALUE'"
	printf 'listen=YES\n\001=YES\n' >"$DIR/bad"
	run migrate vsftpd "$DIR/bad"
	assert_failure
	assert_output --partial "$DIR/bad:2: a control character"
	assert_not_exist "$OUT"
}

@test "migrate: what protects and is lost is named with its line, and the exit status is 1" {
	printf 'listen=YES\nlocal_enable=YES\nwrite_enable=YES\ntcp_wrappers=YES\n' >"$DIR/vsftpd.conf"
	run migrate vsftpd "$DIR/vsftpd.conf"
	assert_equal "$status" 1
	assert_output --partial '1 thing that protects is not carried'
	run cat "$OUT/sallyport.conf"
	assert_output --partial "# $DIR/vsftpd.conf:4: tcp_wrappers=YES
#     PROTECTS. Why: hosts_access(5) is not asked."
	assert_equal "$(stat -c %a "$OUT/users")" 600
}

@test "migrate: what is quoted of the other configuration is root's alone" {
	printf 'SQLConnectInfo ftp@localhost ftp hunter2\n' >"$DIR/proftpd.conf"
	chmod 600 "$DIR/proftpd.conf"
	(umask 022 && run migrate proftpd "$DIR/proftpd.conf")
	grep -q hunter2 "$OUT/sallyport.conf"
	assert_equal "$(stat -c '%U %a' "$OUT/sallyport.conf")" 'root 600'
}

@test "vsftpd: no name, password or home becomes other fields of a line" {
	printf '%s\n' listen=YES local_enable=YES guest_enable=YES guest_username=daemon >"$DIR/vsftpd.conf"
	printf '%s\n' 'eve:*any:200100:200100:/srv/eve:x=' secret mallory "\$6\$a\$b:200100:200100:/srv/mallory:x=" >"$DIR/guests"
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/guests"
	assert_equal "$status" 1
	run grep -v '^#' "$OUT/users"
	refute_output --partial 200100
	refute_output --partial '*any'
	# a password as any other: its user may log in
	assert_output --partial 'mallory:$y$'
	rm -r "$OUT"
	printf '%s\n' listen=YES local_enable=YES guest_enable=YES guest_username=daemon anonymous_enable=YES ftp_username=daemon \
		'local_root=/srv/x:y=' 'anon_root=/srv/x:y=' >"$DIR/vsftpd.conf"
	printf 'gina\nsecret\n' >"$DIR/guests"
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/guests"
	assert_equal "$status" 1
	run grep -v '^#' "$OUT/users"
	refute_output --partial '/srv/x'
	grep -q "'gina' is not taken: its home has a colon" "$OUT/users"
}

@test "vsftpd: users of the system log in with their passwords, and who was refused is refused" {
	printf '%s\n' listen=YES listen_port=2121 local_enable=YES write_enable=YES chroot_local_user=YES local_umask=022 \
		max_clients=20 max_per_ip=5 idle_session_timeout=600 pasv_min_port=20000 pasv_max_port=20100 ftpd_banner=Hello \
		userlist_enable=YES userlist_file="$DIR/denied" chmod_enable=NO >"$DIR/vsftpd.conf"
	echo carl >"$DIR/denied"
	old_user anna secret 200100 /bin/bash
	old_user bert secret 200102 /usr/sbin/nologin
	old_user carl secret 200104 /bin/bash
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/old/passwd"
	assert_success
	assert_output --partial '1 account, 0 not taken, 2 left out'
	run cat "$OUT/sallyport.conf"
	assert_output --partial 'listen = {"0.0.0.0:2121"}'
	assert_output --partial 'passive-ports = "20000-20100"'
	assert_output --partial 'file-mode = "0644"'
	assert_output --partial '    sessions = 20'
	start_migrated
	echo x >"$DIR/file"
	curl -sS --max-time 30 -T "$DIR/file" --user anna:secret "ftp://127.0.0.1:$PORT/"
	assert_equal "$(ls_of "$PORT" anna:secret)" file
	run curl -sS --max-time 30 --user anna:secret -Q 'SITE CHMOD 600 file' "ftp://127.0.0.1:$PORT/"
	assert_failure
	refused anna:wrong
	refused bert:secret
	refused carl:secret
}

@test "vsftpd: guests of pam_userdb have the ids of guest_username, homes by token, and their rights" {
	printf '%s\n' listen=YES local_enable=YES guest_enable=YES guest_username=daemon user_sub_token='$USER' \
		local_root="$DIR/home/\$USER" virtual_use_local_privs=YES write_enable=NO local_max_rate=100000 >"$DIR/vsftpd.conf"
	printf 'gina\nsecret\n' >"$DIR/guests"
	install -d -o daemon -g daemon "$DIR/home/gina"
	echo x >"$DIR/home/gina/there"
	migrate vsftpd "$DIR/vsftpd.conf" "$DIR/guests"
	start_migrated
	assert_equal "$(ls_of "$PORT" gina:secret)" there
	run curl -sS --max-time 30 -T "$DIR/vsftpd.conf" --user gina:secret "ftp://127.0.0.1:$PORT/"
	assert_failure
}

@test "migrate: users of the system whom the old server refused get no account, though passwd was named" {
	old_user anna secret 200100 /bin/bash
	printf '%s\n' listen=YES anonymous_enable=YES ftp_username=daemon anon_root="$DIR/home/site" >"$DIR/vsftpd.conf"
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/old/passwd"
	assert_success
	assert_output --partial "'$OUT/users': 1 account, 0 not taken, 1 left out that could not log in before"
	run grep '^anna' "$OUT/users"
	assert_failure
	rm -r "$OUT"
	# guests need local_enable as well
	printf '%s\n' listen=YES guest_enable=YES guest_username=daemon >"$DIR/vsftpd.conf"
	printf 'gina\nsecret\n' >"$DIR/guests"
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/guests"
	assert_output --partial '0 accounts, 0 not taken, 1 left out'
	rm -r "$OUT"
	printf '%s\n' 'NoAnonymous yes' 'PureDB /etc/pure-ftpd/pureftpd.pdb' >"$DIR/pure-ftpd.conf"
	run migrate pure-ftpd "$DIR/pure-ftpd.conf" "$DIR/old/passwd"
	assert_output --partial '0 accounts, 0 not taken, 1 left out'
	rm -r "$OUT"
	echo 'UnixAuthentication yes' >>"$DIR/pure-ftpd.conf"
	run migrate pure-ftpd "$DIR/pure-ftpd.conf" "$DIR/old/passwd"
	assert_output --partial '1 account, 0 not taken, 0 left out'
	rm -r "$OUT"
	printf '%s\n' 'AuthOrder mod_auth_file.c' 'AuthUserFile /etc/proftpd/ftpd.passwd' 'DefaultRoot ~' >"$DIR/proftpd.conf"
	run migrate proftpd "$DIR/proftpd.conf" "$DIR/old/passwd"
	assert_output --partial '0 accounts, 0 not taken, 1 left out'
	rm -r "$OUT"
	sed -i 's/^AuthOrder.*/AuthOrder mod_auth_file.c mod_auth_unix.c/' "$DIR/proftpd.conf"
	run migrate proftpd "$DIR/proftpd.conf" "$DIR/old/passwd"
	assert_output --partial '1 account, 0 not taken, 0 left out'
}

@test "vsftpd: files of user_config_dir are options of single accounts" {
	printf '%s\n' listen=YES local_enable=YES write_enable=YES chroot_local_user=YES local_umask=022 \
		user_config_dir="$DIR/own" 'hide_file={*.bak}' >"$DIR/vsftpd.conf"
	mkdir "$DIR/own"
	printf '%s\n' write_enable=NO local_root="$DIR/home/site" max_per_ip=1 >"$DIR/own/bert"
	printf '%s\n' idle_session_timeout=60 cmds_denied=DELE >"$DIR/own/carl"
	echo 'no equals' >"$DIR/own/dora"
	for n in anna:200100 bert:200102 carl:200104 dora:200106; do
		old_user "${n%:*}" secret "${n#*:}" /bin/bash
	done
	install -d -o 200102 -g 200102 "$DIR/home/site"
	touch "$DIR/home/site/there" "$DIR/home/site/there.bak"
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/old/passwd"
	assert_equal "$status" 1
	assert_output --partial '3 accounts, 1 not taken'
	grep -q "'dora' is not taken: the file of its own settings has a line that is no 'NAME=VALUE'" "$OUT/users"
	run cat "$OUT/sallyport.conf"
	assert_output --partial "# $DIR/own/carl:1: idle_session_timeout=60
#     Why: a setting of the whole server, here."
	assert_output --partial "# $DIR/own/carl:2: cmds_denied=DELE
#     PROTECTS."
	refute_output --partial max_per_ip
	start_migrated
	assert_equal "$(ls_of "$PORT" bert:secret)" there
	run curl -sS --max-time 30 -T "$DIR/vsftpd.conf" --user bert:secret "ftp://127.0.0.1:$PORT/"
	assert_failure
	curl -sS --max-time 30 -T "$DIR/vsftpd.conf" --user anna:secret "ftp://127.0.0.1:$PORT/"
}

@test "vsftpd: passwords that shadow(5) does not have are asked of the old server's PAM service" {
	local service=sallyport-migrate-$$
	printf '%s\n' listen=YES local_enable=YES write_enable=YES pam_service_name=$service >"$DIR/vsftpd.conf"
	old_user anna secret 200100 /bin/bash
	sed -i '/^anna:/d' "$DIR/old/shadow"
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/old/passwd"
	assert_output --partial '0 accounts, 0 not taken, 1 left out'
	rm -r "$OUT"
	printf 'auth required pam_permit.so\naccount required pam_permit.so\n' >"/etc/pam.d/$service"
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/old/passwd"
	rm "/etc/pam.d/$service"
	assert_success
	grep -q "^anna:\*pam:$service:200100:200100:" "$OUT/users"
	grep -qF "keep /etc/pam.d/$service" "$OUT/users"
	start_migrated
}

@test "proftpd: anonymous users whom a list of logins refuses are told of" {
	old_user oldftp secret 2121 /usr/sbin/nologin
	cat >"$DIR/proftpd.conf" <<-E
		DefaultRoot ~
		<Limit LOGIN>
		  AllowUser anna
		  DenyAll
		</Limit>
		<Anonymous $DIR/home/oldftp>
		  User oldftp
		  UserAlias anonymous oldftp
		</Anonymous>
	E
	run migrate proftpd "$DIR/proftpd.conf" "$DIR/old/passwd"
	run grep -q '^anonymous:' "$OUT/users"
	assert_failure
	run grep -A2 "proftpd.conf:6: <Anonymous" "$OUT/sallyport.conf"
	assert_success
	assert_output --partial 'a <Limit LOGIN> refuses its user, so anonymous users get no account'
}

@test "vsftpd: the user of anonymous users is that of the old server's passwd, also on another machine" {
	printf '%s\n' listen=YES anonymous_enable=YES local_enable=YES ftp_username=oldftp anon_root="$DIR/home/oldftp" >"$DIR/vsftpd.conf"
	old_user anna secret 2000 /bin/bash
	old_user oldftp secret 2121 /usr/sbin/nologin
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/old/passwd"
	assert_success
	grep -qx "anonymous:\*any:2121:2121:$DIR/home/oldftp:.*" "$OUT/users"
	rm -r "$OUT"
	# nobody has it
	sed -i '/^oldftp:/d' "$DIR/old/passwd"
	run migrate vsftpd "$DIR/vsftpd.conf" "$DIR/old/passwd"
	assert_failure 1
	assert_output --partial "anonymous users may not log in; read 'anonymous login' in sallyport.conf"
	grep -qF "the user of anonymous users, 'oldftp', is neither in a file of accounts nor on this system" "$OUT/sallyport.conf"
}

@test "vsftpd: anonymous users read, and write nothing" {
	printf '%s\n' listen=YES anonymous_enable=YES ftp_username=daemon anon_root="$DIR/home/site" >"$DIR/vsftpd.conf"
	install -d -o root -g root "$DIR/home/site"
	echo x >"$DIR/home/site/there"
	run migrate vsftpd "$DIR/vsftpd.conf"
	assert_success
	assert_output --partial '1 account cannot log in before its home is its own; users has the reason'
	grep -q "^# 'anonymous' cannot log in yet: home '$DIR/home/site' belongs to uid 0" "$OUT/users"
	rm -r "$OUT" "$DIR/home/site"
	run migrate vsftpd "$DIR/vsftpd.conf"
	grep -qx "# 'anonymous' cannot log in yet: home '$DIR/home/site' is missing; make it, for uid 1 and gid 1" "$OUT/users"
	rm -r "$OUT"
	install -d "$DIR/home/site"
	echo x >"$DIR/home/site/there"
	chown daemon:daemon "$DIR/home/site"
	run migrate vsftpd "$DIR/vsftpd.conf"
	assert_success
	refute_output --partial 'cannot log in'
	run ctl -c "$OUT/sallyport.conf" config check
	refute_output --partial 'no hash'
	start_migrated
	assert_equal "$(ls_of "$PORT" anonymous:me@example.org)" there
	assert_equal "$(ls_of "$PORT" ftp:)" there
	run curl -sS --max-time 30 -T "$DIR/vsftpd.conf" --user ftp: "ftp://127.0.0.1:$PORT/"
	assert_failure
}

@test "pure-ftpd: accounts of pure-pw log in, with their limits and those of the configuration" {
	printf '%s\n' 'NoAnonymous yes' 'MaxClientsNumber 30' 'Bind 127.0.0.1,2121' 'Umask 133:022' 'NoRename yes' \
		'PureDB /etc/pure-ftpd/pureftpd.pdb' >"$DIR/pure-ftpd.conf"
	install -d -o 200100 -g 200100 "$DIR/home/anna"
	echo "anna:$(openssl passwd -6 secret):200100:200100::$DIR/home/anna/./::::::10:::::::" >"$DIR/pureftpd.passwd"
	run migrate pure-ftpd "$DIR/pure-ftpd.conf" "$DIR/pureftpd.passwd"
	assert_success
	start_migrated
	echo x >"$DIR/file"
	curl -sS --max-time 30 -T "$DIR/file" --user anna:secret "ftp://127.0.0.1:$PORT/"
	assert_equal "$(ls_of "$PORT" anna:secret)" file
	assert_equal "$(stat -c %a "$DIR/home/anna/file")" 644
	run curl -sS --max-time 30 --user anna:secret -Q 'RNFR file' -Q 'RNTO other' "ftp://127.0.0.1:$PORT/"
	assert_failure
	refused anna:wrong
}

@test "pure-ftpd: the configuration of Debian passes config check" {
	need_peer pure-ftpd
	run migrate pure-ftpd "$PEERS_ROOT/etc/pure-ftpd/pure-ftpd.conf" /etc/passwd
	[ "$status" -le 1 ]
	"$BUILD/sallyportctl" -c "$OUT/sallyport.conf" config check
}

@test "pure-ftpd: a directory of Debian, a file for each directive; anonymous users of ftp" {
	mkdir "$DIR/conf"
	echo yes >"$DIR/conf/NoRename"
	echo '40110 40210' >"$DIR/conf/PassivePortRange"
	echo 'junk' >"$DIR/conf/.hidden"
	run migrate pure-ftpd "$DIR/conf"
	assert_success
	grep -qF "# $DIR/conf/PassivePortRange:1: PassivePortRange 40110 40210" "$OUT/sallyport.conf"
	grep -qF 'passive-ports = "40110-40210"' "$OUT/sallyport.conf"
	grep -q '^+group migrated:rights=list,read,create,overwrite,delete,mkdir,rmdir,chmod$' "$OUT/users"
}

@test "proftpd: accounts of an AuthUserFile log in; limits of commands are rights" {
	mkdir "$DIR/conf.d"
	cat >"$DIR/conf.d/limits.conf" <<-E
		<Limit SITE_CHMOD>
		  DenyAll
		</Limit>
		<Directory ~/archive>
		  <Limit WRITE>
		    DenyAll
		  </Limit>
		</Directory>
		<Limit LOGIN>
		  DenyUser carl
		</Limit>
		HideFiles "^\\\\.secret"
	E
	cat >"$DIR/proftpd.conf" <<-E
		ServerName "files"
		Port 2121
		DefaultRoot ~
		AllowOverwrite on
		AuthOrder mod_auth_file.c
		AuthUserFile $DIR/ftpd.passwd
		<Global>
		  RequireValidShell off
		  MaxClientsPerHost 5
		</Global>
		Include $DIR/conf.d/
	E
	install -d -o 200100 -g 200100 "$DIR/home/anna" "$DIR/home/anna/archive"
	for name in anna carl; do
		echo "$name:$(openssl passwd -5 secret):200100:200100::$DIR/home/$name:/bin/false"
	done >"$DIR/ftpd.passwd"
	run migrate proftpd "$DIR/proftpd.conf" "$DIR/ftpd.passwd"
	assert_success
	assert_output --partial '1 account, 0 not taken, 1 left out'
	grep -qF "# $DIR/conf.d/limits.conf:1: <Limit SITE_CHMOD>" "$OUT/sallyport.conf"
	start_migrated
	touch "$DIR/home/anna/there" "$DIR/home/anna/.secret" "$DIR/home/anna/archive/old"
	chown 200100:200100 "$DIR/home/anna/there"
	assert_equal "$(ls_of "$PORT" anna:secret)" "archive
there"
	refused anna:wrong
	refused carl:secret
	curl -sS --max-time 30 -T "$DIR/proftpd.conf" --user anna:secret "ftp://127.0.0.1:$PORT/new"
	run curl -sS --max-time 30 -T "$DIR/proftpd.conf" --user anna:secret "ftp://127.0.0.1:$PORT/archive/new"
	assert_failure
	run curl -sS --max-time 30 --user anna:secret -Q 'SITE CHMOD 600 there' "ftp://127.0.0.1:$PORT/"
	assert_failure
}

@test "proftpd: a file that includes itself ends with an error that names it" {
	echo "Include $DIR/proftpd.conf" >"$DIR/proftpd.conf"
	run migrate proftpd "$DIR/proftpd.conf"
	assert_failure
	assert_output --partial "$DIR/proftpd.conf:1: files that name files, too deeply"
	assert_not_exist "$OUT"
}

@test "proftpd: anonymous users of Debian's example read, and fill the drop-box that nobody reads" {
	cat >"$DIR/proftpd.conf" <<-E
		AllowOverwrite on
		<Anonymous $DIR/home/site>
		  User daemon
		  UserAlias anonymous daemon
		  MaxClients 10
		  <Directory *>
		    <Limit WRITE>
		      DenyAll
		    </Limit>
		  </Directory>
		  <Directory incoming>
		    Umask 022 022
		    <Limit READ WRITE>
		      DenyAll
		    </Limit>
		    <Limit STOR>
		      AllowAll
		    </Limit>
		  </Directory>
		</Anonymous>
	E
	install -d -o daemon -g daemon "$DIR/home/site" "$DIR/home/site/incoming"
	echo x >"$DIR/home/site/there"
	run migrate proftpd "$DIR/proftpd.conf"
	grep -qF ':rights=list,read rights=/incoming=list,create max-sessions=10' "$OUT/users"
	start_migrated
	curl -sS --max-time 30 --user ftp: "ftp://127.0.0.1:$PORT/there" -o "$DIR/got"
	run curl -sS --max-time 30 -T "$DIR/got" --user ftp: "ftp://127.0.0.1:$PORT/"
	assert_failure
	curl -sS --max-time 30 -T "$DIR/got" --user ftp: "ftp://127.0.0.1:$PORT/incoming/"
	run curl -sS --max-time 30 --user ftp: "ftp://127.0.0.1:$PORT/incoming/got"
	assert_failure
}

# account NAME UID FILE: a line of an AuthUserFile, and a home; the password is "of-NAME".
account()
{
	install -d -o "$2" -g "$2" -m 700 "$DIR/home/$1"
	echo "mine is $1" >"$DIR/home/$1/there"
	chown "$2:$2" "$DIR/home/$1/there"
	echo "$1:$(openssl passwd -5 "of-$1"):$2:$2::$DIR/home/$1:/bin/false" >>"$3"
	chmod 600 "$3"
}

# at ADDRESS:PORT USER:PASSWORD CURL-ARGUMENT...: the listing, or what else curl gets there.
at()
{
	local where=$1 user=$2
	shift 2
	curl -sS --max-time 30 --user "$user" "$@" "ftp://$where/there"
}

refused_at()
{
	run at "$@"
	assert_equal "$status" 67
}

@test "proftpd: virtual hosts become servers, each with its address, certificate, message and accounts" {
	local port other message=$DIR/etc/welcome
	port=$(free_port)
	other=$(free_port)
	echo 'welcome to two' >"$message"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=two.example \
		-addext subjectAltName=DNS:two.example -keyout "$DIR/etc/two.key" -out "$DIR/etc/two.pem" 2>/dev/null
	cat >"$DIR/proftpd.conf" <<-E
		ServerName "the main one"
		DefaultAddress 127.0.0.1
		Port $port
		DefaultRoot ~
		AuthOrder mod_auth_file.c
		AuthUserFile $DIR/one.passwd
		<VirtualHost 127.0.0.2>
		  Port $other
		  ServerName "the second"
		  ServerAlias two.example
		  DefaultRoot ~
		  DisplayLogin $message
		  AuthOrder mod_auth_file.c
		  AuthUserFile $DIR/two.passwd
		  Umask 077
		  TLSEngine on
		  TLSRequired on
		  TLSECCertificateFile $DIR/etc/two.pem
		  TLSECCertificateKeyFile $DIR/etc/two.key
		  <Limit WRITE>
		    DenyUser bert
		  </Limit>
		  <Anonymous $DIR/home/site>
		    User daemon
		    RequireValidShell off
		    <Limit WRITE>
		      DenyAll
		    </Limit>
		  </Anonymous>
		</VirtualHost>
		<VirtualHost 127.0.0.1>
		  Port $port
		  ServerName "the third"
		  ServerAlias three.example
		  AuthOrder mod_auth_file.c
		  AuthUserFile $DIR/one.passwd
		</VirtualHost>
		<Global>
		  RequireValidShell off
		  AllowOverwrite on
		</Global>
	E
	account anna 200100 "$DIR/one.passwd"
	account bert 200102 "$DIR/two.passwd"
	account carl 200104 "$DIR/two.passwd"
	install -d -o daemon -g daemon "$DIR/home/site"
	echo x >"$DIR/home/site/there"
	run migrate proftpd "$DIR/proftpd.conf" "$DIR/one.passwd" "$DIR/two.passwd"
	assert_success
	assert_output --partial "'$OUT/users': 1 account, 0 not taken"
	assert_output --partial "'$OUT/two.example.users': 3 accounts, 0 not taken"
	assert_output --partial 'server "three.example": the accounts of the main server'
	assert_equal "$(stat -c '%U %a' "$OUT/two.example.users")" 'root 600'
	assert_not_exist "$OUT/three.example.users"
	start_hosts

	# each account is at its server alone
	assert_equal "$(at "127.0.0.1:$port" anna:of-anna)" 'mine is anna'
	refused_at "127.0.0.1:$port" bert:of-bert
	refused_at "127.0.0.2:$other" anna:of-anna --ssl-reqd --insecure
	assert_equal "$(at "127.0.0.2:$other" bert:of-bert --ssl-reqd --insecure)" 'mine is bert'
	# the server asks for TLS, as before, and has its certificate; that of the main one has none
	refused_at "127.0.0.2:$other" bert:of-bert
	run at "127.0.0.2:$other" bert:of-bert -v --ssl-reqd --insecure
	assert_output --partial 'subject: CN=two.example'
	assert_output --partial '220 the second'
	assert_output --partial 'welcome to two'
	# a limit of the host is a right, and its mask a mode
	run at "127.0.0.2:$other" bert:of-bert --ssl-reqd --insecure -T "$DIR/proftpd.conf"
	assert_equal "$status" 25
	curl -sS --max-time 30 --ssl-reqd --insecure -T "$DIR/proftpd.conf" --user carl:of-carl "ftp://127.0.0.2:$other/new"
	assert_equal "$(stat -c %a "$DIR/home/carl/new")" 600
	# anonymous users are of this server alone
	assert_equal "$(at "127.0.0.2:$other" ftp: --ssl-reqd --insecure)" x
	refused_at "127.0.0.1:$port" ftp:
	# the third is found by its name
	{
		echo '< 220 the main one'
		printf '%s\n' '> HOST three.example' '< 220 the third' '> USER anna' '< 331' '> PASS of-anna' '< 230'
	} | timeout 60 "$BATS_TEST_DIRNAME/ftp-raw" 127.0.0.1 "$port"
}

@test "proftpd: a virtual host whose file of accounts was not named, or that is found by its port alone, is told of" {
	cat >"$DIR/proftpd.conf" <<-E
		DefaultRoot ~
		AuthOrder mod_auth_file.c
		<Global>
		  RequireValidShell off
		</Global>
		<VirtualHost 192.0.2.2>
		  AuthOrder mod_auth_file.c
		  AuthUserFile $DIR/two.passwd
		</VirtualHost>
		<VirtualHost 192.0.2.3>
		  Port 2121
		</VirtualHost>
	E
	account anna 200100 "$DIR/one.passwd"
	account bert 200102 "$DIR/two.passwd"
	run migrate proftpd "$DIR/proftpd.conf" "$DIR/one.passwd"
	assert_equal "$status" 1
	assert_output --partial '1 virtual host is not carried'
	assert_output --partial 'a virtual host lacks its file of accounts'
	run cat "$OUT/sallyport.conf"
	assert_output --partial "# $DIR/proftpd.conf:8: AuthUserFile $DIR/two.passwd
#     Why: the file of accounts was not named."
	assert_output --partial "# $DIR/proftpd.conf:10: <VirtualHost 192.0.2.3>
#     Why: clients find a server by its address or its name here, not by its port."
	ctl -c "$OUT/sallyport.conf" config check
	# a copy of the other machine's tree
	rm -r "$OUT"
	mkdir -p "$DIR/copy/$DIR"
	mv "$DIR/two.passwd" "$DIR/copy/$DIR/"
	run "$BUILD/sallyportctl" migrate proftpd "$DIR/proftpd.conf" "$DIR/one.passwd" "$DIR/copy$DIR/two.passwd" --output "$OUT" --json
	assert_equal "$(jq -c '[.servers, .lost_servers, .accounts]' <<<"$output")" '[1,1,2]'
	grep -q '^bert:' "$OUT/server-1.users"
	run grep '^bert:' "$OUT/users"
	assert_failure
}

@test "proftpd: users of the system log in at virtual hosts, too, if their file is named" {
	cat >"$DIR/proftpd.conf" <<-E
		DefaultRoot ~
		<VirtualHost 127.0.0.2>
		  Umask 077
		</VirtualHost>
	E
	old_user anna secret 200100 /bin/bash
	run migrate proftpd "$DIR/proftpd.conf" "$DIR/old/passwd"
	assert_success
	grep -q '^anna:.*group=migrated' "$OUT/server-1.users"
	grep -q '^anna:' "$OUT/users"
	rm -r "$OUT"
	run migrate proftpd "$DIR/proftpd.conf"
	assert_equal "$status" 1
	grep -qF '# (ProFTPD) users of the system, server "server-1"' "$OUT/sallyport.conf"
}

@test "migrate: a file that is there stops all of them, and nothing new stays" {
	printf '<VirtualHost 192.0.2.2>\nUmask 077\n</VirtualHost>\n' >"$DIR/proftpd.conf"
	mkdir "$OUT"
	echo mine >"$OUT/server-1.users"
	run migrate proftpd "$DIR/proftpd.conf"
	assert_failure
	assert_output --partial "'server-1.users' is in the directory already"
	assert_equal "$(ls "$OUT")" server-1.users
	assert_equal "$(cat "$OUT/server-1.users")" mine
}

@test "proftpd: the old server and the new one show the same files to the same user" {
	need_peer proftpd
	echo x >"$BENCH_HOME/one"
	start_peer proftpd
	old=$(ls_of "$PEER_PORT" "$BENCH_USER:$BENCH_PASS")
	[ -n "$old" ]
	run migrate proftpd "$BENCH_TMP/proftpd.conf" /etc/passwd
	[ "$status" -le 1 ]
	start_migrated
	assert_equal "$(ls_of "$PORT" "$BENCH_USER:$BENCH_PASS")" "$old"
	"$PEERS" stop proftpd
}

@test "vsftpd: the configuration of Debian passes config check" {
	need_peer vsftpd
	run migrate vsftpd "$PEERS_ROOT/etc/vsftpd.conf" /etc/passwd
	assert_success
	"$BUILD/sallyportctl" -c "$OUT/sallyport.conf" config check
}

@test "vsftpd: the old server and the new one show the same files to the same user" {
	need_peer vsftpd
	echo x >"$BENCH_HOME/one"
	mkdir -p "$BENCH_HOME/sub"
	start_peer vsftpd
	old=$(ls_of "$PEER_PORT" "$BENCH_USER:$BENCH_PASS")
	[ -n "$old" ]
	run migrate vsftpd "$BENCH_TMP/vsftpd.conf" /etc/passwd
	assert_success
	start_migrated
	assert_equal "$(ls_of "$PORT" "$BENCH_USER:$BENCH_PASS")" "$old"
	"$PEERS" stop vsftpd
}
