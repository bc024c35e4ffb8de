# SPDX-License-Identifier: MIT

# CONDUCTOR_OPTIONAL(NAME, VARIABLE, MODULES, HELP)
# --with-NAME=auto|yes|no for a library found by pkg-config: sets VARIABLE_CFLAGS and VARIABLE_LIBS,
# the conditional HAVE_VARIABLE for choosing files, and $have_NAME for the summary.
AC_DEFUN([CONDUCTOR_OPTIONAL], [
AC_ARG_WITH([$1],
            [AS_HELP_STRING([--with-$1=auto|yes|no], [$4 [auto]])],
            [], [with_$1=auto])
AS_CASE([$with_$1],
        [no], [have_$1=no],
        [auto|yes], [
                PKG_CHECK_MODULES([$2], [$3], [have_$1=yes], [
                        AS_IF([test "x$with_$1" = xyes],
                              [AC_MSG_ERROR([--with-$1 was given, but $3 was not found])])
                        have_$1=no])],
        [AC_MSG_ERROR([--with-$1 takes auto, yes or no])])
AM_CONDITIONAL([HAVE_$2], [test "x$have_$1" = xyes])
])

# CONDUCTOR_SWITCH(NAME, HELP)
# --enable-NAME, off unless asked for; sets $enable_NAME to yes or no.
AC_DEFUN([CONDUCTOR_SWITCH], [
AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2])], [], [enable_$1=no])
AS_CASE([$enable_$1], [yes|no], [], [AC_MSG_ERROR([--enable-$1 takes yes or no])])
])

# CONDUCTOR_FOLDER(NAME, FOLDER, HELP)
# --with-NAME=DIR|no for files that systemd reads: below the prefix, so that nothing is ever installed
# outside of it unasked. Sets $NAME, which is empty for no, here and in Makefiles.
AC_DEFUN([CONDUCTOR_FOLDER], [
AC_ARG_WITH([$1],
            [AS_HELP_STRING([--with-$1=DIR|no], [folder for $3 @<:@PREFIX/lib/$2@:>@])],
            [], [with_$1=$with_systemd])
AS_CASE([$with_$1],
        [yes], [$1='${prefix}/lib/$2'],
        [no], [$1=],
        [$1=$with_$1])
AC_SUBST([$1])
])
