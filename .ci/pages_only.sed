#!/usr/bin/sed -Ef
# lychee takes every scheme for a page's, and stumbles over redis://HOST:PORT. `make links` hands it each file like this.
s#rediss?(\+[a-z]+)?://##g
