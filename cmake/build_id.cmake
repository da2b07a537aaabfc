# cmake -DROOT=… -DOUT=… -P cmake/build_id.cmake: writes a source with the digest of every source that lowers or prints
# kernels. Two programs with one digest print the same text for the same IR, so they may share compiled kernels.
file(GLOB_RECURSE sources RELATIVE ${ROOT} ${ROOT}/layouts/*.h ${ROOT}/layouts/*.cpp ${ROOT}/vm/*.h ${ROOT}/vm/*.cpp
     ${ROOT}/vm/*.def ${ROOT}/codegen/*.h ${ROOT}/codegen/*.cpp ${ROOT}/codegen/*.def)
list(SORT sources)
set(all "")
foreach(source ${sources})
  file(SHA256 ${ROOT}/${source} digest)
  string(APPEND all "${source} ${digest}\n")
endforeach()
string(SHA256 id "${all}")
string(SUBSTRING ${id} 0 16 id)
file(WRITE ${OUT} "#include \"runtime/cache/cache.h\"\n\nstd::string_view bitloom::runtime::build_id() {\n  return \"${id}\";\n}\n")
