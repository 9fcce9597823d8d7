// Package lockstorm is the adapter protocol, for locks that are driven from Go (see
// ../../README.md). An adapter implements Adapter and calls Serve.
package lockstorm

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Answer is what a lock answers when nothing failed.
type Answer string

const (
	OK          Answer = "ok"
	Busy        Answer = "busy"
	Timeout     Answer = "timeout"
	NotHeld     Answer = "not_held"
	Unsupported Answer = "unsupported"
)

// Forever is the wait of an acquire without a time limit.
const Forever time.Duration = -1

// Adapter is one lock and one holder. An error leaves open what happened.
type Adapter interface {
	// Acquire takes the lock; a wait of 0 does not wait.
	Acquire(wait time.Duration) (Answer, error)
	Release() (Answer, error)
	Refresh(lifetime time.Duration) (Answer, error)
	// IsHeld is what the library says, never a look at the file system of our own.
	IsHeld() (bool, error)
}

const lineBytesMax = 1 << 16

// packages is "NAME=VERSION," of each Debian package that went in; the build sets it.
var packages string

// Version of a Debian package (golang-*-dev) that the adapter was compiled with.
func Version(name string) string {
	for _, entry := range strings.Split(packages, ",") {
		if version := strings.TrimPrefix(entry, name+"="); version != entry {
			return version
		}
	}
	return "unknown"
}

// Path is the lock's path on the mount.
func Path() string { return os.Getenv("LOCKSTORM_PATH") }

// Seconds reads an option that is a number of seconds; without it, standard.
func Seconds(option string, standard time.Duration) time.Duration {
	var options map[string]any
	if err := json.Unmarshal([]byte(os.Getenv("LOCKSTORM_OPTIONS")), &options); err == nil {
		if value, ok := options[option].(float64); ok {
			return duration(value)
		}
	}
	return standard
}

// Serve says that the adapter is ready, then answers requests until quit or end of input.
func Serve(library, version string, adapter Adapter) {
	say(map[string]any{"ready": map[string]string{"library": library, "version": version}})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineBytesMax)
	for lines.Scan() {
		var request request
		if err := request.read(lines.Bytes()); err != nil {
			say(failure(request.ID, err))
		} else if request.Op == "quit" {
			say(map[string]any{"id": request.ID, "answer": OK})
			return
		} else {
			say(request.answer(adapter))
		}
	}
	if err := lines.Err(); err != nil {
		say(failure(nil, err))
		os.Exit(1)
	}
}

type request struct {
	ID       *uint64  `json:"id"`
	Op       string   `json:"op"`
	Timeout  *float64 `json:"timeout"`
	Lifetime float64  `json:"lifetime"`
}

func (r *request) read(line []byte) error {
	if err := json.Unmarshal(line, r); err != nil {
		return err
	}
	if r.ID == nil {
		return errors.New("a request without a number")
	}
	return nil
}

func (r *request) answer(adapter Adapter) map[string]any {
	var answer Answer
	var err error
	said := map[string]any{"id": r.ID}
	switch r.Op {
	case "acquire":
		wait := Forever
		if r.Timeout != nil {
			wait = duration(*r.Timeout)
		}
		answer, err = adapter.Acquire(wait)
	case "release":
		answer, err = adapter.Release()
	case "refresh":
		answer, err = adapter.Refresh(duration(r.Lifetime))
	case "is_held":
		answer = OK
		said["held"], err = adapter.IsHeld()
	default:
		err = fmt.Errorf("unknown op %q", r.Op)
	}
	if err != nil {
		return failure(r.ID, err)
	}
	said["answer"] = answer
	return said
}

func failure(id *uint64, err error) map[string]any {
	said := map[string]any{"id": id, "answer": "error", "class": fmt.Sprintf("%T", err),
		"message": err.Error()}
	var number syscall.Errno
	if errors.As(err, &number) {
		if name, ok := errnoNames[number]; ok {
			said["errno"] = name
		}
	}
	return said
}

// What file locks on a network file system answer; the standard library has no names.
var errnoNames = map[syscall.Errno]string{
	syscall.EACCES: "EACCES", syscall.EAGAIN: "EAGAIN", syscall.EBADF: "EBADF",
	syscall.EDEADLK: "EDEADLK", syscall.EDQUOT: "EDQUOT", syscall.EEXIST: "EEXIST",
	syscall.EINTR: "EINTR", syscall.EINVAL: "EINVAL", syscall.EIO: "EIO",
	syscall.EMFILE: "EMFILE", syscall.ENFILE: "ENFILE", syscall.ENOENT: "ENOENT",
	syscall.ENOLCK: "ENOLCK", syscall.ENOSPC: "ENOSPC", syscall.ENOSYS: "ENOSYS",
	syscall.ENOTEMPTY: "ENOTEMPTY", syscall.ENOTSUP: "ENOTSUP", syscall.EPERM: "EPERM",
	syscall.EROFS: "EROFS", syscall.ESTALE: "ESTALE", syscall.ETIMEDOUT: "ETIMEDOUT",
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}

func say(message any) {
	line, err := json.Marshal(message)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	if err != nil {
		os.Exit(1) // nobody listens any more
	}
}
