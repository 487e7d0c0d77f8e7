# Completion for bash. Written by `make reference`.

_skrouterd() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    case $before in
        -c|--config) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -I|--include|--include-path) COMPREPLY=($(compgen -f -- "$word")); return ;;
        -P|--pidfile) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --check) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --record) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --log-format) COMPREPLY=($(compgen -W 'text json' -- "$word")); return ;;
    esac
    COMPREPLY=($(compgen -W '-h --help -c --config -I --include --include-path -d --daemon -P --pidfile -U --user -T --test-hooks --check --record --log-format -v --version' -- "$word"))
}
complete -F _skrouterd skrouterd

_skmanage() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    case $before in
        -o|--output) COMPREPLY=($(compgen -W 'json yaml' -- "$word")); return ;;
        --ssl-certificate) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --ssl-key) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --ssl-trustfile) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --ssl-password-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --sasl-password-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --type) COMPREPLY=($(compgen -W 'org.amqp.management management routerMetrics router network site sslProfile proxyProfile listener connector tcpListener tcpConnector listenerAddress log logStats router.config.address router.config.autoLink router.link router.address router.node connection tcpConnection allocator policy vhost vhostUserGroupSettings vhostStats dummy link node address autoLink' -- "$word")); return ;;
    esac
    COMPREPLY=($(compgen -W '-h --help --version -v --verbose -r --router -d --edge-router --type --name --identity --indent --stdin -o --output --json --body --properties -b --bus -t --timeout --ssl-certificate --ssl-key --ssl-trustfile --ssl-password --ssl-password-file --sasl-mechanisms --sasl-username --sasl-password --sasl-password-file --ssl-disable-peer-name-verify get-schema get-json-schema get-log profile query get-types get-annotations get-operations get-attributes get-mgmt-nodes read create update delete' -- "$word"))
}
complete -F _skmanage skmanage

_skstat() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    case $before in
        -o|--output) COMPREPLY=($(compgen -W 'table csv json yaml' -- "$word")); return ;;
        --ssl-certificate) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --ssl-key) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --ssl-trustfile) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --ssl-password-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --sasl-password-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
    COMPREPLY=($(compgen -W '-h --help --version -v --verbose --limit --csv -o --output --json --watch -g --general -c --connections -l --links -n --nodes -e --edge -a --address -m --memory -p --policy --autolinks --vhosts --vhostgroups --vhoststats --log --all-entities --topology --explain --all-routers -r --router -d --edge-router -b --bus -t --timeout --ssl-certificate --ssl-key --ssl-trustfile --ssl-password --ssl-password-file --sasl-mechanisms --sasl-username --sasl-password --sasl-password-file --ssl-disable-peer-name-verify' -- "$word"))
}
complete -F _skstat skstat

_skupper-controller() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    case $before in
    esac
    COMPREPLY=($(compgen -W '-h --help -version --version -grant-server-port --grant-server-port --no-grants --only-grants --data-home' -- "$word"))
}
complete -F _skupper-controller skupper-controller
