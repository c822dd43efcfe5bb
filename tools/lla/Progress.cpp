//===- Progress.cpp - a search as it is watched ---------------------------===//

#include "tools/lla/Progress.h"
#include "tools/lla/Figures.h"
#include "llvm/Support/Process.h"
#include <algorithm>
#include <fmt/format.h>

namespace lla {
namespace {

constexpr size_t barWidth = 20;
/// Plain lines come at least this far apart, unless the best improves.
constexpr double lineStep = 0.25;

std::string bar(double progress) {
  size_t full = std::clamp<size_t>(static_cast<size_t>(progress * barWidth + 0.5), 0, barWidth);
  return '[' + std::string(full, '#') + std::string(barWidth - full, '.') + ']';
}

double costOf(const Trial *trial) { return trial && trial->isOk() ? trial->cost() : 0; }

std::string standing(const TuneEvent &event) {
  std::string text =
      fmt::format("tried {} of {}, correct {}", event.counts->tried, event.counts->feasible, event.counts->correct);
  if (double best = costOf(event.best))
    text += ", best " + timeText(best);
  if (event.defaultMicroseconds > 0)
    text += ", default " + timeText(event.defaultMicroseconds);
  return text;
}

std::string stageOf(const TuneEvent &event) {
  if (event.kind == TuneEventKind::RungFinished)
    return fmt::format(", racing {}", event.contenders.size());
  return "";
}

} // namespace

Progress Progress::onStandardError(std::string title, bool quiet) {
  return Progress(std::move(title), llvm::errs(), llvm::sys::Process::StandardErrIsDisplayed(), quiet);
}

void Progress::show(const TuneEvent &event) {
  if (quiet)
    return;
  if (isTerminal)
    draw(event);
  else
    log(event);
}

void Progress::draw(const TuneEvent &event) {
  std::string line = fmt::format("{} {} {:3.0f} %  {}{}", title, bar(event.progress), 100 * event.progress,
                                 standing(event), stageOf(event));
  if (event.progress > 0.02)
    line += ", eta " + clockText(event.seconds / event.progress - event.seconds);
  bool isLast = event.kind == TuneEventKind::Finished;
  if (isLast)
    line = ""; // The result follows on standard output.
  size_t columns = std::max(llvm::sys::Process::StandardErrColumns(), 40u) - 1;
  line.resize(std::min(line.size(), columns));
  stream << '\r' << line << std::string(drawn > line.size() ? drawn - line.size() : 0, ' ');
  if (isLast)
    stream << '\r';
  stream.flush();
  drawn = line.size();
}

void Progress::log(const TuneEvent &event) {
  double best = costOf(event.best);
  bool improved = best > 0 && (shownBest == 0 || best < 0.98 * shownBest);
  bool isDue = event.kind != TuneEventKind::TrialFinished || improved || event.progress >= shownProgress + lineStep;
  if (!isDue)
    return;
  if (best > 0)
    shownBest = best;
  shownProgress = event.progress;
  stream << fmt::format("{}: {:.1f} s, {}{}\n", title, event.seconds, standing(event), stageOf(event));
}

} // namespace lla
