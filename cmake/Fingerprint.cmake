# cmake -DFILES=a;b -DOUTPUT=f.h -P Fingerprint.cmake: a header with one digest of the files' contents.
set(all "")
foreach(file ${FILES})
  file(SHA256 "${file}" digest)
  string(APPEND all "${digest}")
endforeach()
string(SHA256 fingerprint "${all}")
string(SUBSTRING "${fingerprint}" 0 16 fingerprint)
file(WRITE "${OUTPUT}" "#define LLA_COMPILER_FINGERPRINT \"${fingerprint}\"\n")
