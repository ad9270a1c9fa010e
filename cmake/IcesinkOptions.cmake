# Compiler flags that hold for every target of the project.
option(ICESINK_TESTS "Build the tests" ON)
option(ICESINK_SIM "Build the simulator, without the other tests too" OFF)
option(ICESINK_BENCH "Build the benchmarks" OFF)
option(ICESINK_FUZZ "Build libFuzzer targets (needs clang)" OFF)
option(ICESINK_WERROR "Treat warnings as errors" OFF)
option(ICESINK_COVERAGE "Instrument for gcov" OFF)
set(ICESINK_SANITIZE "" CACHE STRING "Value of -fsanitize=, for example address,undefined")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(icesink_flags INTERFACE)
target_compile_definitions(icesink_flags INTERFACE _GNU_SOURCE)
target_compile_options(icesink_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
  -Wundef -Wvla -Wformat=2 -Wswitch-enum -Wcast-align -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough
  -fno-math-errno)
if(ICESINK_WERROR)
  target_compile_options(icesink_flags INTERFACE -Werror)
endif()

if(ICESINK_SANITIZE)
  target_compile_options(icesink_flags INTERFACE -fsanitize=${ICESINK_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(icesink_flags INTERFACE -fsanitize=${ICESINK_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(icesink_flags INTERFACE -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
    -fstack-clash-protection)
  target_link_options(icesink_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(ICESINK_COVERAGE)
  target_compile_options(icesink_flags INTERFACE --coverage -O0)
  target_link_options(icesink_flags INTERFACE --coverage)
endif()
if(ICESINK_FUZZ)
  target_compile_options(icesink_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
