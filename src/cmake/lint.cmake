# Targets: format (rewrites), lint (clang-tidy and cppcheck; warnings fail).
file(GLOB_RECURSE scaler_c_files CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/src/*.c ${CMAKE_SOURCE_DIR}/models/*.c ${CMAKE_SOURCE_DIR}/adapters/*.c
     ${CMAKE_SOURCE_DIR}/config/quickstart/*.c)
file(GLOB_RECURSE scaler_all_files CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/src/*.[ch] ${CMAKE_SOURCE_DIR}/models/*.[ch]
     ${CMAKE_SOURCE_DIR}/adapters/*.[ch] ${CMAKE_SOURCE_DIR}/tests/*.[ch]
     ${CMAKE_SOURCE_DIR}/bench/*.[ch] ${CMAKE_SOURCE_DIR}/config/quickstart/*.[ch])

find_program(SCALER_CLANG_FORMAT clang-format)
find_program(SCALER_CLANG_TIDY clang-tidy)
find_program(SCALER_CPPCHECK cppcheck)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(SCALER_CLANG_FORMAT)
  add_custom_target(format COMMAND ${SCALER_CLANG_FORMAT} -i ${scaler_all_files} VERBATIM)
endif()
if(SCALER_CLANG_TIDY AND SCALER_CPPCHECK)
  add_custom_target(lint
    COMMAND ${SCALER_CLANG_TIDY} --quiet -p ${CMAKE_BINARY_DIR} ${scaler_c_files}
    COMMAND ${SCALER_CPPCHECK} --quiet --std=c11 --error-exitcode=1 --inline-suppr
            --enable=warning,performance,portability --suppress=missingIncludeSystem
            -I ${CMAKE_SOURCE_DIR}/src -D_GNU_SOURCE ${scaler_c_files}
    VERBATIM)
endif()
