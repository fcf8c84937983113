# What is sent.

# A file of random bytes at $source.
make_file() {
    source=$root/source/file
    mkdir -p "$root/source" "$root/out"
    head -c "$1" /dev/urandom > "$source"
}

# make_tree COUNT BYTES DIRECTORIES [NAME]: a tree of random files at $source.
make_tree() {
    local directory each=$(($1 / $3))
    source=$root/source/${4:-tree}
    mkdir -p "$source" "$root/out"
    for ((directory = 0; directory < $3; directory++)); do
        mkdir "$source/$directory"
        head -c $((each * $2)) /dev/urandom | split -b "$2" -a 4 - "$source/$directory/file"
    done
}
