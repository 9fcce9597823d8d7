import java.io.IOException;
import org.apache.lucene.store.AlreadyClosedException;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.Lock;
import org.apache.lucene.store.LockObtainFailedException;
import org.apache.lucene.store.NIOFSDirectory;
import org.apache.lucene.store.NativeFSLockFactory;
import org.apache.lucene.store.SleepingLockWrapper;
import org.apache.lucene.util.Version;

/** Lucene's NativeFSLockFactory, through the Directory whose index it guards. */
public final class Adapter extends LockstormAdapter {
    private static final String NAME = PATH.getFileName().toString();
    private final long pause = milliseconds("poll", SleepingLockWrapper.DEFAULT_POLL_INTERVAL);
    private Directory directory;
    private Lock lock;

    @Override
    protected Answer acquire(Double timeout) throws IOException {
        if (directory == null) {
            directory = new NIOFSDirectory(PATH.getParent(), NativeFSLockFactory.INSTANCE);
        }
        try {
            lock = waiting(timeout).obtainLock(NAME);
            return Answer.OK;
        } catch (LockObtainFailedException refused) {
            return timeout != null && timeout == 0 ? Answer.BUSY : Answer.TIMEOUT;
        }
    }

    private Directory waiting(Double timeout) {
        if (timeout == null) {
            long forever = SleepingLockWrapper.LOCK_OBTAIN_WAIT_FOREVER;
            return new SleepingLockWrapper(directory, forever, pause);
        }
        return timeout == 0
                ? directory
                : new SleepingLockWrapper(directory, Math.round(timeout * 1000), pause);
    }

    @Override
    protected Answer release() throws IOException {
        if (lock == null) {
            return Answer.NOT_HELD; // there is no Lock that could be asked to
        }
        lock.close();
        lock = null;
        return Answer.OK;
    }

    @Override
    protected boolean isHeld() throws IOException {
        if (lock == null) {
            return false;
        }
        try {
            lock.ensureValid();
            return true;
        } catch (AlreadyClosedException lost) {
            return false;
        }
    }

    public static void main(String[] arguments) throws IOException {
        new Adapter().serve("lucene-native", Version.LATEST.toString());
    }
}
