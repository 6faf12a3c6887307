# The headers' comments are plain C comments; this makes them Doxygen's while it reads. See docs/Doxyfile.
1s/.*//
2s@^/\*@/** \\file@
2b
/^ *\/\* ---/b
s@^( *)/\*( |$)@\1/**\2@
t
s@([^ ].*[^ ]) */\* @\1 /**< @
