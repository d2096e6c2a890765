# Run by cmake/page.cmake at build time: writes OUT, a C++ file with every file of the list
# FILES (below FOLDER) as it is and compressed, taken in by the assembler.
get_filename_component(work ${OUT} DIRECTORY)
file(MAKE_DIRECTORY ${work}/page)
set(blobs "")
set(declarations "")
set(entries "")
set(number 0)
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH path ${FOLDER} ${file})
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 32 etag)
  # A copy, because the page may be built anew while this is being compiled.
  set(copied ${work}/page/${hash})
  set(compressed ${work}/page/${hash}.gz)
  if(NOT EXISTS ${copied})
    file(COPY_FILE ${file} ${copied})
  endif()
  if(NOT EXISTS ${compressed})
    file(ARCHIVE_CREATE OUTPUT ${compressed} PATHS ${file} FORMAT raw COMPRESSION GZip
      COMPRESSION_LEVEL 9)
  endif()
  foreach(kind plain gzip)
    set(source ${copied})
    if(kind STREQUAL "gzip")
      set(source ${compressed})
    endif()
    set(name jielong_page_${number}_${kind})
    string(APPEND blobs "    \".hidden ${name}\\n.global ${name}\\n${name}:\\n\"\n"
      "    \".incbin \\\"${source}\\\"\\n\"\n"
      "    \".hidden ${name}_end\\n.global ${name}_end\\n${name}_end:\\n.byte 0\\n\"\n")
    string(APPEND declarations "extern const char ${name}[], ${name}_end[];\n")
  endforeach()
  string(APPEND entries "    {\"/${path}\", \"\\\"${etag}\\\"\",\n"
    "     blob(jielong_page_${number}_plain, jielong_page_${number}_plain_end),\n"
    "     blob(jielong_page_${number}_gzip, jielong_page_${number}_gzip_end)},\n")
  math(EXPR number "${number} + 1")
endforeach()
if(number EQUAL 0)
  set(body "std::span<const PageFile> page_files() { return {}; }\n")
else()
  set(body "std::span<const PageFile> page_files() {
  static const PageFile files[] = {\n${entries}  };
  return files;
}\n")
  set(assembly "asm(\".section .rodata\\n\"\n${blobs}    \".previous\\n\");
extern \"C\" {\n${declarations}}\n
namespace {
std::string_view blob(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}
}  // namespace\n")
endif()
file(WRITE ${OUT} "#include \"serve/page_files.h\"\n
#include <cstddef>\n
${assembly}
namespace jielong::serve {\n
${body}
}  // namespace jielong::serve\n")
