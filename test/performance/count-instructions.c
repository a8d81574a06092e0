// Counts the instructions that a program's main thread executes between two SIGTRAPs that it raises itself,
// by stepping through them one by one:
//
//   count-instructions <file> <command> [<parameter>...]
//
// writes one number a line to the file, for each such pair. The command's exit status is this program's.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void Fail(const char* what) {
  fprintf(stderr,
          "Cannot count instructions: %s: %s. In a container, allow it ptrace (--cap-add=SYS_PTRACE).\n",
          what, strerror(errno));
  exit(2);
}

static void Start(char** command) {
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) Fail("PTRACE_TRACEME");
  execvp(command[0], command);
  Fail(command[0]);
}

/// Whether the program raised it, not the kernel after a step or an exec.
static int IsRaised(pid_t program) {
  siginfo_t info;
  return ptrace(PTRACE_GETSIGINFO, program, NULL, &info) == 0 && info.si_code == SI_TKILL;
}

int main(int count, char** arguments) {
  if (count < 3) {
    fprintf(stderr, "Expected a file and a command.\n");
    return 2;
  }
  FILE* output = fopen(arguments[1], "w");
  if (!output) Fail(arguments[1]);
  const pid_t program = fork();
  if (program < 0) Fail("fork");
  if (program == 0) Start(arguments + 2);

  int status, is_counting = 0;
  long instructions = 0;
  while (waitpid(program, &status, 0) == program && WIFSTOPPED(status)) {
    int signal = WSTOPSIG(status);
    if (signal == SIGTRAP) {
      signal = 0;
      if (IsRaised(program)) {
        if (is_counting) fprintf(output, "%ld\n", instructions);
        is_counting = !is_counting;
        instructions = 0;
      } else {
        ++instructions;
      }
    }
    if (ptrace(is_counting ? PTRACE_SINGLESTEP : PTRACE_CONT, program, NULL, signal) != 0)
      Fail("PTRACE_SINGLESTEP");
  }
  fclose(output);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
