# The shared library with its public headers, the program, and what finds them: pkg-config and CMake.
include(CMakePackageConfigHelpers)

install(TARGETS icesink_library EXPORT icesinkTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS icesink RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/icesink DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# The file says where it is relative to the prefix, so that an installed tree may be moved.
file(RELATIVE_PATH ICESINK_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/icesink.pc.in ${PROJECT_BINARY_DIR}/icesink.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/icesink.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/icesink)
install(EXPORT icesinkTargets NAMESPACE icesink:: DESTINATION ${package_directory})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/icesinkConfig.cmake.in
  ${PROJECT_BINARY_DIR}/icesinkConfig.cmake INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/icesinkConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/icesinkConfig.cmake ${PROJECT_BINARY_DIR}/icesinkConfigVersion.cmake
  DESTINATION ${package_directory})
