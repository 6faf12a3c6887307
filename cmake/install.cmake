# SPDX-License-Identifier: MIT OR Apache-2.0
# What `cmake --install` gives: libp2p.a, libp2p.so, headers, pkg-config file, CMake package, command, man page, systemd unit and page.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS p2p p2p_shared EXPORT p2p-targets)
install(DIRECTORY include/p2p DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# Where the file itself lies decides, so that the installed tree can be moved.
file(RELATIVE_PATH P2P_PREFIX_FROM_PC "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
list(JOIN P2P_REQUIRES ", " P2P_REQUIRES_PRIVATE)
string(REPLACE ">=" " >= " P2P_REQUIRES_PRIVATE "${P2P_REQUIRES_PRIVATE}")
configure_file(cmake/p2p.pc.in p2p.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/p2p.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(EXPORT p2p-targets NAMESPACE p2p:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/p2p)
configure_package_config_file(cmake/p2p-config.cmake.in p2p-config.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/p2p)
write_basic_package_version_file(p2p-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/p2p-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/p2p-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/p2p)
if(TARGET p2p-tool)
    install(TARGETS p2p-tool)
    configure_file(tools/p2p/p2p.service.in p2p.service @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/p2p.service DESTINATION lib/systemd/system)
    # The page, if it was built (web/build.sh) where the tool finds it in the build tree, too.
    install(DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/web DESTINATION ${CMAKE_INSTALL_DATADIR}/p2p OPTIONAL)
endif()
if(EXISTS ${CMAKE_SOURCE_DIR}/docs/p2p.1)
    install(FILES docs/p2p.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
