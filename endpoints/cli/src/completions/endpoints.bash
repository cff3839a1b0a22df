
# Endpoint strings: the command is asked. Readline breaks words at the colons and equals signs in them, and takes
# the answers from behind the last break.
_ropewalk_endpoints() {
    local words word kept="" answers
    read -r -a words <<< "${COMP_LINE:0:COMP_POINT}"
    if [[ "${COMP_LINE:0:COMP_POINT}" == *[[:space:]] ]]; then
        words+=("")
    fi
    word="${words[${#words[@]} - 1]}"
    COMPREPLY=()
    if [[ ${#words[@]} -gt 2 ]]; then
        while IFS= read -r answers; do
            COMPREPLY+=("${answers}")
        done < <("${words[0]}" complete-endpoint -- "${words[@]:1}" 2> /dev/null)
    fi
    if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
        _ropewalk "$@"
        return
    fi
    if [[ "${COMP_WORDBREAKS}" == *:* && "${COMP_WORDBREAKS}" == *=* ]]; then
        kept="${word%"${word##*[:=]}"}"
    elif [[ "${COMP_WORDBREAKS}" == *:* ]]; then
        kept="${word%"${word##*:}"}"
    elif [[ "${COMP_WORDBREAKS}" == *=* ]]; then
        kept="${word%"${word##*=}"}"
    fi
    COMPREPLY=("${COMPREPLY[@]#"${kept}"}")
    compopt -o nospace 2> /dev/null
    return 0
}

complete -F _ropewalk_endpoints -o bashdefault -o default ropewalk
