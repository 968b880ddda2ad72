# Finds every library, or says at configure time which package brings the missing ones: all of
# them in one message.
find_package(PkgConfig REQUIRED)

set(SCALER_LIBRARIES m)
set(scaler_missing "")

function(scaler_need module package)
  string(MAKE_C_IDENTIFIER "${module}" id)
  pkg_check_modules(${id} QUIET IMPORTED_TARGET ${module})
  if(${id}_FOUND)
    set(SCALER_LIBRARIES ${SCALER_LIBRARIES} PkgConfig::${id} PARENT_SCOPE)
  else()
    set(scaler_missing "${scaler_missing}\n  ${module}: apt-get install ${package}" PARENT_SCOPE)
  endif()
endfunction()

scaler_need(gsl libgsl-dev)
scaler_need(libcurl libcurl4-openssl-dev)
scaler_need(hiredis libhiredis-dev)
scaler_need(libconfig libconfig-dev)
scaler_need(libuv libuv1-dev)
scaler_need(jansson libjansson-dev)
scaler_need(sqlite3 libsqlite3-dev)
scaler_need(glib-2.0 libglib2.0-dev)
scaler_need(libmicrohttpd libmicrohttpd-dev)
scaler_need(libical libical-dev)
scaler_need(expat libexpat1-dev)

if(scaler_missing)
  message(FATAL_ERROR "Libraries not found:${scaler_missing}\n"
                      "On Debian, config/packages.sh build installs all of them.")
endif()

# Without it everything else works; the backend `systemd` is left out.
pkg_check_modules(libsystemd QUIET IMPORTED_TARGET libsystemd)
option(SCALER_WITH_SYSTEMD "Build the backend systemd (needs libsystemd)" ${libsystemd_FOUND})
if(SCALER_WITH_SYSTEMD AND NOT libsystemd_FOUND)
  message(FATAL_ERROR "SCALER_WITH_SYSTEMD: libsystemd not found: apt-get install libsystemd-dev")
elseif(SCALER_WITH_SYSTEMD)
  list(APPEND SCALER_LIBRARIES PkgConfig::libsystemd)
  message(STATUS "Backend systemd: yes")
else()
  message(STATUS "Backend systemd: no (apt-get install libsystemd-dev, then build anew)")
endif()
