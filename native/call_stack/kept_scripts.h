#ifndef NATIVE_CALL_STACK_KEPT_SCRIPTS_H_
#define NATIVE_CALL_STACK_KEPT_SCRIPTS_H_

#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace memray_mocha {

/// The scripts of an isolate, kept so that the places in them can be told when
/// a recording ends.
///
/// Used on the isolate's thread; Keep on any. Scripts go by V8's ids.
class KeptScripts {
 public:
  /// A line and column of a script, 1-based; 0 when it is not known.
  struct Place {
    uint32_t line;
    uint32_t column;
  };

  /// What a script says of itself; empty is what it does not say.
  struct Description {
    std::string name;  // a path or URL
    std::string source_mapping_url;
  };

  explicit KeptScripts(v8::Isolate* isolate) : isolate_(isolate) {}

  /// Does not allocate on V8's heap.
  /// @param name empty when it has none.
  /// @return those that the program turned out to be done with, now and then.
  std::vector<int> Keep(const std::string& name,
                        v8::Local<v8::UnboundScript> script);

  /// Where a position of a script is. Touches V8's heap: only where JavaScript
  /// could run.
  Place Locate(int id, uint32_t position) const;

  /// @return nothing of a script that the program is done with. Touches V8's
  /// heap, as Locate does.
  Description Describe(int id) const;

  /// From here on scripts are new.
  void Mark();
  /// Lets new scripts die that only this keeps: what a collection of garbage
  /// finds live is not to be ours. Until Reclaim.
  /// @param needed those whose places will be asked for.
  void Release(const std::set<int>& needed);
  void Reclaim();
  /// @return whether any of those is lost: not kept any more, while the program
  /// may have it. Then what is found of it is to be given to Restore, until
  /// EndSearch.
  bool BeginSearch(const std::set<int>& needed);
  void Restore(v8::Local<v8::UnboundScript> script);
  void EndSearch();

 private:
  struct Script {
    /// Of one of its functions, the outermost one as a rule.
    v8::Global<v8::UnboundScript> handle;
    bool is_newest_of_file = false;
    /// Whether the program may have it when the handle is empty.
    bool is_let_go = false;
  };

  v8::Local<v8::UnboundScript> Find(int id) const;
  std::vector<int> ForgetDead();
  void NoteNewest(const std::string& name, int id);
  void LetGo(int id);

  static constexpr size_t kMaxEvaluated = 256;
  /// What is dead by then is some 300 bytes each, names included.
  static constexpr size_t kPruneAt = 4096;

  v8::Isolate* const isolate_;
  mutable std::mutex mutex_;
  std::map<int, Script> scripts_;
  std::map<std::string, int> newest_;  // by name
  std::deque<std::string> evaluated_;  // names in newest_, not of files
  int last_ = 0;                       // V8 counts up
  int last_old_ = 0;
  std::set<int> released_;
  std::set<int> sought_;
  size_t prune_at_ = kPruneAt;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_KEPT_SCRIPTS_H_
