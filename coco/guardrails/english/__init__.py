"""The English compiler: lexer, grammar, builder, and the problems it reports."""
