//===- Progress.h - a search as it is watched -----------------------------===//
//
// On a terminal one line that is drawn over and over: bar, best so far, time left.
// Otherwise plain lines, few enough for a log.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TOOLS_LLA_PROGRESS_H
#define LLA_TOOLS_LLA_PROGRESS_H

#include "autotune/Tuner.h"
#include "llvm/Support/raw_ostream.h"

namespace lla {

class Progress {
public:
  /// `title` stands before each line. `quiet`: shows nothing.
  Progress(std::string title, llvm::raw_ostream &stream, bool isTerminal, bool quiet)
      : title(std::move(title)), stream(stream), isTerminal(isTerminal), quiet(quiet) {}
  /// On standard error.
  static Progress onStandardError(std::string title, bool quiet);

  void show(const TuneEvent &event);

private:
  void draw(const TuneEvent &event);
  void log(const TuneEvent &event);

  std::string title;
  llvm::raw_ostream &stream;
  bool isTerminal, quiet;
  double shownBest = 0;     ///< Microseconds; 0: none yet.
  double shownProgress = 0; ///< Share at the last plain line.
  size_t drawn = 0;         ///< Characters of the line on the terminal.
};

} // namespace lla
#endif
