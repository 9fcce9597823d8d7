// gofrs/flock, as its documentation uses it: one Flock a process.
package main

import (
	"context"
	"errors"
	"lockstorm"
	"time"

	"github.com/gofrs/flock"
)

type adapter struct {
	lock *flock.Flock
	poll time.Duration
}

func (a adapter) Acquire(wait time.Duration) (lockstorm.Answer, error) {
	switch wait {
	case lockstorm.Forever:
		return lockstorm.OK, a.lock.Lock()
	case 0:
		locked, err := a.lock.TryLock()
		if !locked {
			return lockstorm.Busy, err
		}
		return lockstorm.OK, err
	}
	limit, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	_, err := a.lock.TryLockContext(limit, a.poll)
	if errors.Is(err, context.DeadlineExceeded) {
		return lockstorm.Timeout, nil
	}
	return lockstorm.OK, err
}

// Unlock alone would not tell: of what is not locked it says nothing.
func (a adapter) Release() (lockstorm.Answer, error) {
	if !a.lock.Locked() {
		return lockstorm.NotHeld, nil
	}
	return lockstorm.OK, a.lock.Unlock()
}

func (a adapter) Refresh(time.Duration) (lockstorm.Answer, error) {
	return lockstorm.Unsupported, nil
}

func (a adapter) IsHeld() (bool, error) {
	return a.lock.Locked(), nil
}

func main() {
	poll := lockstorm.Seconds("poll", 100*time.Millisecond)
	version := lockstorm.Version("golang-github-gofrs-flock-dev")
	lockstorm.Serve("gofrs-flock", version, adapter{flock.New(lockstorm.Path()), poll})
}
