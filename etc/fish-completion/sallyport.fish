# SPDX-License-Identifier: ISC
# fish completion of sallyport(1). It asks the program's own --help, and so is never behind it.

# The words before the cursor: the program, and the command where there is one.
function __sallyport_command
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if not string match -q -- '-*' $word; and contains -- $word (__sallyport_commands $words[1])
            echo $word
            return
        end
    end
end

function __sallyport_commands
    $argv[1] --help 2>/dev/null | sed -nE '/^Options/q; s/^  ([a-z]+) .*/\1/p'
end

# "--name<Tab>help" of the options that fit here.
function __sallyport_options
    set -l words (commandline -opc)
    $words[1] (__sallyport_command) --help 2>/dev/null | sed -nE 's/^  (-.,|   ) (--[a-z0-9-]+)( [A-Z]+)?( +(.*))?$/\2\t\5/p'
    printf '%s\t%s\n' --help 'print the help'
end

# Names on the server below a URL with a host: as the program lists them, without asking for a password.
function __sallyport_places
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    if string match -qr '^ftp(es|s)?://[^/]+/' -- $current
        set -l directory (string replace -r '[^/]*$' '' -- $current)
        setsid $words[1] ls --classify --one --quiet --retry 0 $directory 2>/dev/null </dev/null |
            sed 's/%/%25/g; s/ /%20/g; s/\*/%2A/g; s/?/%3F/g; s/\[/%5B/g; s/#/%23/g; s/@$//' |
            while read -l name
                echo $directory$name
            end
        return
    end
    $words[1] bookmark 2>/dev/null | sed -n 's/^\([A-Za-z0-9._-]*\)[[:blank:]].*/\1/p'
    printf '%s\n' ftp:// ftpes:// ftps://
end

function __sallyport_previous
    set -l words (commandline -opc)
    contains -- $words[-1] $argv
end

complete -c sallyport -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__sallyport_options)'
complete -c sallyport -n '__sallyport_previous --verify --color' -f -a 'auto always never'
complete -c sallyport -n '__sallyport_previous --tls-min --tls-max' -f -a '1.0 1.1 1.2 1.3'
complete -c sallyport -n '__sallyport_previous --progress' -f -a 'bar lines json none'
complete -c sallyport -n 'test -z (__sallyport_command)' -a '(__sallyport_commands (commandline -opc)[1])'
complete -c sallyport -n 'not string match -q -- "-*" (commandline -ct)' -a '(__sallyport_places)'
