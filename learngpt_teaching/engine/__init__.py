"""Students' code runs contained, in kernels that are forked from a warmed parent and watched from outside."""
