# cmake -D OUTPUT=FILE -P EmbedRecords.cmake -- FILES...: writes each file as
# {"NAME", R"records(TEXT)records"}, for an array of lla::EmbeddedRecords.

set(initialisers "")
set(isInput FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(index RANGE ${last})
  set(argument "${CMAKE_ARGV${index}}")
  if(isInput)
    cmake_path(GET argument FILENAME name)
    file(READ "${argument}" text)
    string(APPEND initialisers "{\"${name}\", R\"records(${text})records\"},\n")
  elseif(argument STREQUAL "--")
    set(isInput TRUE)
  endif()
endforeach()
file(WRITE "${OUTPUT}" "${initialisers}")
