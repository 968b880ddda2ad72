# Targets: format (rewrites), lint (clang-tidy and cppcheck; warnings fail).
file(GLOB_RECURSE scaler_all_files CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/src/*.[ch] ${CMAKE_SOURCE_DIR}/models/*.[ch]
     ${CMAKE_SOURCE_DIR}/adapters/*.[ch] ${CMAKE_SOURCE_DIR}/tests/*.[ch]
     ${CMAKE_SOURCE_DIR}/bench/*.[ch] ${CMAKE_SOURCE_DIR}/config/quickstart/*.[ch])

find_program(SCALER_CLANG_FORMAT clang-format)
find_program(SCALER_RUN_CLANG_TIDY run-clang-tidy)
find_program(SCALER_CPPCHECK cppcheck)

if(SCALER_CLANG_FORMAT)
  add_custom_target(format COMMAND ${SCALER_CLANG_FORMAT} -i ${scaler_all_files} VERBATIM)
endif()

# Of cppcheck's checks three are wrong here each time: it cannot read vectors (smoothing.c); NULL
# ends rds_add_words, whose attribute `sentinel` lets the compilers check it; and vec_reserve
# hands memory on by memcpy. Tests are left out, so a function that only they call is unused.
if(SCALER_RUN_CLANG_TIDY AND SCALER_CPPCHECK)
  add_custom_target(lint
    COMMAND ${SCALER_CPPCHECK} --quiet --std=c11
            --error-exitcode=1 --inline-suppr
            --enable=warning,performance,portability,unusedFunction
            --suppress=missingIncludeSystem --suppress=varFuncNullUB
            --suppress=internalAstError:models/smoothing.c
            --suppress=memleak:src/base/vec.c
            -I src -I . -D_GNU_SOURCE src models adapters config/quickstart bench
    COMMAND ${SCALER_RUN_CLANG_TIDY} -quiet -p ${CMAKE_BINARY_DIR}
            "^${CMAKE_SOURCE_DIR}/(src|models|adapters|config/quickstart)/"
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} VERBATIM)
else()
  add_custom_target(lint
    COMMAND ${CMAKE_COMMAND} -E echo
            "lint needs clang-tidy and cppcheck: config/packages.sh extended, then configure anew"
    COMMAND ${CMAKE_COMMAND} -E false VERBATIM)
endif()
