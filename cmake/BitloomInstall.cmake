# cmake --install: the program, the libraries with their headers and a CMake package, the language modules and the kernels.
#
#   bin/bitloom                       finds share/bitloom/stdlib beside itself
#   include/bitloom/ROOM/…            headers, included as "ROOM/header.h"
#   lib/libbitloom_ROOM.a
#   lib/cmake/Bitloom/                find_package(Bitloom), which gives the target Bitloom::Bitloom and Bitloom_STDLIB_DIR
#   share/bitloom/{stdlib,kernels,editors}
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(BITLOOM_INCLUDE_DIR ${CMAKE_INSTALL_INCLUDEDIR}/bitloom)
set(BITLOOM_SHARE_DIR ${CMAKE_INSTALL_DATADIR}/bitloom)
set(BITLOOM_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Bitloom)

target_include_directories(bitloom_flags INTERFACE $<INSTALL_INTERFACE:${BITLOOM_INCLUDE_DIR}>)
set_target_properties(bitloom_flags PROPERTIES EXPORT_NAME flags)
install(TARGETS bitloom_flags EXPORT BitloomTargets)
foreach(room layouts vm dsl codegen runtime kernels stack)
  if(TARGET bitloom_${room})
    set_target_properties(bitloom_${room} PROPERTIES EXPORT_NAME ${room})
    install(TARGETS bitloom_${room} EXPORT BitloomTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${room}/ DESTINATION ${BITLOOM_INCLUDE_DIR}/${room}
            FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
  endif()
endforeach()
if(TARGET bitloom_fmt)
  install(TARGETS bitloom_fmt EXPORT BitloomTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(TARGETS bitloom RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/stdlib ${PROJECT_SOURCE_DIR}/editors DESTINATION ${BITLOOM_SHARE_DIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/kernels DESTINATION ${BITLOOM_SHARE_DIR} FILES_MATCHING PATTERN "*.bl")

install(EXPORT BitloomTargets NAMESPACE Bitloom:: DESTINATION ${BITLOOM_PACKAGE_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/BitloomConfig.cmake.in ${PROJECT_BINARY_DIR}/generated/BitloomConfig.cmake
                              INSTALL_DESTINATION ${BITLOOM_PACKAGE_DIR} PATH_VARS BITLOOM_SHARE_DIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/BitloomConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/BitloomConfig.cmake ${PROJECT_BINARY_DIR}/generated/BitloomConfigVersion.cmake
        DESTINATION ${BITLOOM_PACKAGE_DIR})
