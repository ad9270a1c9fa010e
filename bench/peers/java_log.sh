#!/bin/sh
# java_log.sh FILE LEVEL: has a Java sink log to the console from LEVEL on.
cat >"$1" <<END
rootLogger.level=$2
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
END
