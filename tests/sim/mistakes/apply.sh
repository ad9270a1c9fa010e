#!/bin/sh
# apply.sh SOURCE_DIRECTORY PATCH DIRECTORY FILE...: copies the files into DIRECTORY, keeping their paths, and patches them
# there. Fails where the patch does not apply any more: then the mistake has to be made anew, in the code as it is now.
set -eu
source=$1
patch=$2
directory=$3
shift 3
rm -rf "$directory"
for file in "$@"; do
    mkdir -p "$directory/$(dirname "$file")"
    cp "$source/$file" "$directory/$file"
done
# Outside of any repository, so that git takes the paths as they are.
cd "$directory"
GIT_CEILING_DIRECTORIES=$(dirname "$directory") git apply --whitespace=nowarn "$patch"
