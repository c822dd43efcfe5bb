//===- AotLibrary.h - the files of an ahead-of-time library ---------------===//
//
//     DIR/lib/libNAME.so | libNAME.a      DIR/include/NAME.h, lla.h
//     DIR/lib/cmake/NAME/NAMEConfig.cmake DIR/NAME.json, the manifest
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TOOLS_LLA_AOTLIBRARY_H
#define LLA_TOOLS_LLA_AOTLIBRARY_H

#include "runtime/CompileWorker.h"
#include "runtime/ScheduleChoice.h"
#include <nlohmann/json.hpp>

namespace lla {

/// A kernel of a library: for one problem on one architecture.
struct LibraryKernel {
  Problem problem;
  Target target;
  ScheduleAnswer schedule;
  Artifact artifact;
};

struct LibraryPlan {
  std::string name;                 ///< A C identifier, which all its symbols begin with.
  std::vector<std::string> targets; ///< As they were asked for.
  std::vector<LibraryKernel> kernels;
  std::string ptxasVersion;         ///< Empty: took no part.
};

/// The manifest, which is also in the library. Equal plans give equal text.
nlohmann::ordered_json manifestOf(const LibraryPlan &plan);

/// What is linked or archived: the runtime, the table, and the host's kernels.
struct LibraryObject {
  std::string name, bytes;
};
llvm::Expected<std::vector<LibraryObject>> objectsOf(const LibraryPlan &plan);

/// DIR/lib/libNAME.a.
llvm::Error writeStatic(const LibraryPlan &plan, const std::string &directory);
/// DIR/lib/libNAME.so, linked by the C compiler `cc`. Fails with its words.
llvm::Error writeShared(const LibraryPlan &plan, const std::string &directory, const std::string &cc,
                        const std::string &temporary);
/// Header, CMake package and manifest.
llvm::Error writeInterface(const LibraryPlan &plan, const std::string &directory, bool isShared);

} // namespace lla
#endif
