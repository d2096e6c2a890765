# The built page (web/dist) becomes part of the program. Without it the server says how to
# build it.
set(JIELONG_PAGE_DIR ${JIELONG_ROOT}/web/dist CACHE PATH "The folder of the built page")
file(GLOB_RECURSE page_files CONFIGURE_DEPENDS ${JIELONG_PAGE_DIR}/*)
list(SORT page_files)
set(page_source ${CMAKE_CURRENT_BINARY_DIR}/generated/page_files.cpp)
add_custom_command(OUTPUT ${page_source}
  COMMAND ${CMAKE_COMMAND} -DOUT=${page_source} -DFOLDER=${JIELONG_PAGE_DIR}
    "-DFILES=${page_files}" -P ${JIELONG_ROOT}/cmake/page_embed.cmake
  DEPENDS ${page_files} ${JIELONG_ROOT}/cmake/page_embed.cmake VERBATIM)
# A library of its own: what a target generates waits for all that the target links, and what
# it compiles waits for that.
add_library(jielong_page STATIC ${page_source})
target_include_directories(jielong_page PRIVATE ${JIELONG_ROOT}/src)
target_link_libraries(jielong_serve PUBLIC jielong_page)
