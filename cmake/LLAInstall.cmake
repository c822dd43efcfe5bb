# `cmake --install`: bin/, liblla and its header, the archives, the headers of the
# runtime's API, and a package that find_package(lla) takes (targets lla::c and
# lla::runtime). Included after the product's folders and before the tests, so that
# it installs no test.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
get_property(executables GLOBAL PROPERTY LLA_EXECUTABLES)
get_property(libraries GLOBAL PROPERTY LLA_LIBRARIES)
foreach(library ${libraries}) # what only the tools are made of stays here
  get_target_property(folder ${library} SOURCE_DIR)
  if(folder MATCHES "^${PROJECT_SOURCE_DIR}/tools/")
    list(REMOVE_ITEM libraries ${library})
  endif()
endforeach()
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/lla")

# The folders have everyday names ("cache"), so the headers get one of their own.
set(headers "${CMAKE_INSTALL_INCLUDEDIR}/lla")
foreach(library ${libraries})
  target_include_directories(${library} INTERFACE "$<INSTALL_INTERFACE:${headers}>")
endforeach()
if(TARGET LLARuntime)
  set_target_properties(LLARuntime PROPERTIES EXPORT_NAME runtime)
endif()

install(TARGETS ${executables} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS ${libraries} EXPORT lla ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT lla FILE llaTargets.cmake NAMESPACE lla:: DESTINATION "${package}")
foreach(folder dialect/Spec cache autotune runtime)
  install(DIRECTORY ${folder}/ DESTINATION "${headers}/${folder}"
    FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN "aot" EXCLUDE PATTERN "capi" EXCLUDE PATTERN "python" EXCLUDE)
endforeach()
install(FILES compiler/Artifact.h compiler/Compile.h DESTINATION "${headers}/compiler")

# The C API is a package of its own within: it needs no LLVM where it is used.
target_include_directories(LLAShared INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
install(TARGETS LLAShared EXPORT lla-c LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(TARGETS LLATvmFfi LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT lla-c FILE llaCTargets.cmake NAMESPACE lla:: DESTINATION "${package}")
install(FILES runtime/capi/lla.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES LICENSE THIRD_PARTY_NOTICES.md README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file(cmake/llaConfig.cmake.in "${PROJECT_BINARY_DIR}/llaConfig.cmake"
  INSTALL_DESTINATION "${package}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/llaConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/llaConfig.cmake" "${PROJECT_BINARY_DIR}/llaConfigVersion.cmake"
  cmake/LLAStaticLLVM.cmake DESTINATION "${package}")

# What a wheel has (pyproject.toml): the Python package with its library and the library's worker inside.
if(TARGET LLAPython)
  install(TARGETS LLAPython LIBRARY DESTINATION lla COMPONENT python EXCLUDE_FROM_ALL)
  install(TARGETS LLAShared LLATvmFfi LIBRARY DESTINATION lla/lib COMPONENT python EXCLUDE_FROM_ALL NAMELINK_SKIP)
  install(TARGETS lla RUNTIME DESTINATION lla/bin COMPONENT python EXCLUDE_FROM_ALL)
endif()
